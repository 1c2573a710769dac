import type { Flavour } from '../../../protocol/rdb/sink.ts';
import { type LaneCounters, sumOfCounters } from '../lane-options.ts';
import type { TargetNode } from './node.ts';
import type { PlainLane } from './plain-lane.ts';

/** All nodes that a target has had so far: an index names the same node as long as the target lives. */
export class TargetNodes {
  readonly #make: (id: string, index: number) => TargetNode;
  readonly #all: TargetNode[] = [];
  #flavour: Flavour = 'redis';
  #version = 0;
  #overwrites = false;

  constructor(make: (id: string, index: number) => TargetNode) {
    this.#make = make;
  }

  get all(): readonly TargetNode[] {
    return this.#all;
  }

  /** There has to be one. */
  at(index: number): TargetNode {
    return this.#all[index] as TargetNode;
  }

  /** Of a node that is new or known. */
  indexOf(id: string): number {
    const known = this.#all.findIndex((node) => node.id === id);
    if (known >= 0) return known;
    const index = this.#all.length;
    const node = this.#make(id, index);
    node.rdbVersion(this.#version, this.#flavour);
    node.entries.overwrite(this.#overwrites);
    this.#all.push(node);
    return index;
  }

  /** Those that have a connection. */
  *attached(): Iterable<PlainLane> {
    for (const { lane } of this.#all) if (lane.attached) yield lane;
  }

  get written(): number[] {
    return this.#all.map(({ lane }) => lane.written);
  }

  get counters(): LaneCounters {
    return sumOfCounters(this.#all.map(({ lane }) => lane.counters));
  }

  rdbVersion(version: number, flavour: Flavour): void {
    this.#version = version;
    this.#flavour = flavour;
    for (const node of this.#all) node.rdbVersion(version, flavour);
  }

  get overwrites(): boolean {
    return this.#overwrites;
  }

  overwrite(on: boolean): void {
    this.#overwrites = on;
    for (const { entries } of this.#all) entries.overwrite(on);
  }

  /** Only these are written to from now on. */
  retireAllBut(ids: readonly string[]): void {
    for (const node of this.#all) if (!ids.includes(node.id)) node.retire();
  }
}
