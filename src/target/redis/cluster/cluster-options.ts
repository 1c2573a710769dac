/** What a target of several nodes is told, and what it tells. */
import type { NaruError } from '../../../errors/errors.ts';
import type { RespClient } from '../../../net/client.ts';
import type { Connection } from '../../../net/connection.ts';
import type { Losses } from '../../losses.ts';
import type { OnConflict } from '../../target.ts';
import type { Dialect } from '../dialect.ts';
import type { FindsKeys } from './key-slots.ts';

export interface ClusterTargetOptions {
  /** for all lanes together */
  inFlightBytes: number;
  onConflict: OnConflict;
  /** names the keys that Naru writes for itself */
  job: string;
  bigEntryBytes: number;
  /** what all nodes understand */
  dialect: Dialect;
  losses: Losses;
  keys: FindsKeys;
  /** it is a cluster: keys have slots, and transactions are possible in each. Else it is a proxy, which has one lane. */
  slots: boolean;
  /** of a proxy: whether it knows the command, by its name in capitals */
  passes(name: string): boolean;
  /** the cluster has several databases (Valkey 9); else everything goes to database 0 */
  databases: boolean;
  /**
   * Whether each slot is where it goes, and none is being moved. Where that is not so it resolves once it is, or once `wanted` says no: with false
   * either way.
   */
  slotsRest(wanted: () => boolean): Promise<boolean>;
  /** An entry can not be written now, since its slot is being moved. */
  holdEntry(db: number, key: Buffer): void;
}

export interface ClusterListener {
  onAcked(offset: number, db: number): void;
  /** Something was not done, or nobody can tell; told once until `attach`. Nothing is acknowledged meanwhile. */
  onFailure(error: NaruError): void;
}

/** A node with the slots that it owns. */
export interface ClusterNode {
  readonly id: string;
  /** undefined: its lane has one */
  readonly connection: Connection | undefined;
  /** a second connection, which is asked for what its replicas have; undefined with `connection`, and where nothing can be asked */
  readonly questions?: RespClient | undefined;
}
