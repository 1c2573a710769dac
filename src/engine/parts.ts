import type { Pump } from '../pipeline/pump.ts';
import type { Recopier } from '../pipeline/recopy/recopier.ts';
import type { Spool } from '../spool/spool.ts';
import type { Losses } from '../target/losses.ts';
import type { Acker } from './acker.ts';
import type { EngineTarget } from './target-side.ts';

/** What every link has, wherever its bytes come from: they go spool -> pump -> target, and what is acknowledged comes back by `acker`. */
export interface Parts {
  spool: Spool;
  pump: Pump;
  target: EngineTarget;
  acker: Acker;
  losses: Losses;
  /** undefined: keys of the target's own are kept, and what is refused can't be written over */
  recopier: Recopier | undefined;
}
