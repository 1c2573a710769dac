import type { RuleSpec } from './rule.ts';

/** What one rule has done. Keys of the full copy and commands of the stream are counted alike. */
export interface RuleCount {
  rule: string;
  dropped: number;
  renamed: number;
  /** expiries that were changed */
  ttl: number;
}

/** Dropped because no rule that keeps matched. */
const UNMATCHED = 'no rule keeps it';
/** What the functions of --transform have done. */
const TRANSFORM = 'transform';

/** Counts what each rule of a table has done. */
export class RuleCounters {
  /** of the rules, then of what no rule keeps, then of the transform */
  readonly names: readonly string[];
  readonly #dropped: Float64Array;
  readonly #renamed: Float64Array;
  readonly #ttl: Float64Array;
  #paused = false;
  /** the place of the transform among the rules */
  readonly transform: number;
  /** commands of which some keys were kept and others not */
  cut = 0;
  /** keys of the full copy that took the place of another key of it, since both have one name now */
  merged = 0;

  constructor(specs: readonly RuleSpec[]) {
    this.names = [...specs.map(({ name }) => name), UNMATCHED, TRANSFORM];
    this.transform = specs.length + 1;
    this.#dropped = new Float64Array(this.names.length);
    this.#renamed = new Float64Array(this.names.length);
    this.#ttl = new Float64Array(this.names.length);
  }

  dropped(rule: number): void {
    this.#add(this.#dropped, rule);
  }

  renamed(rule: number): void {
    this.#add(this.#renamed, rule);
  }

  ttlChanged(rule: number): void {
    this.#add(this.#ttl, rule);
  }

  /** Counts nothing until what is returned is called. */
  pause(): () => void {
    this.#paused = true;
    return () => {
      this.#paused = false;
    };
  }

  get totalDropped(): number {
    return this.#dropped.reduce((sum, each) => sum + each, 0);
  }

  /** Those that have done anything. */
  get list(): RuleCount[] {
    return this.names
      .map((rule, i) => ({
        rule,
        dropped: this.#dropped[i] as number,
        renamed: this.#renamed[i] as number,
        ttl: this.#ttl[i] as number,
      }))
      .filter(({ dropped, renamed, ttl }) => dropped + renamed + ttl > 0);
  }

  #add(counts: Float64Array, rule: number): void {
    if (!this.#paused) counts[rule] = (counts[rule] as number) + 1;
  }
}
