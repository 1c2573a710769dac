/** The commands that the proxy answers itself, or that go to a shard by its number or to all of them. */
import { keySlot } from '../../../src/net/topology/slot.ts';
import type { ApsaraOptions, Shards } from '../apsara-proxy.ts';
import { type Answer, error, own, type Part, unknown } from './answers.ts';
import { bulk, commandOf } from './frames.ts';
import * as merge from './merge.ts';

/** What a command may do for its client. */
export interface Client {
  readonly options: ApsaraOptions;
  readonly shards: Shards;
  name: string;
  to(shard: number, bytes: Buffer): Part;
  toAll(bytes: Buffer, merged: merge.Merge): Answer;
  end(): void;
}

type OwnCommand = (client: Client, args: Buffer[], bytes: Buffer) => Answer;

const OK = '+OK\r\n';

export const OWN_COMMANDS: Readonly<Record<string, OwnCommand>> = {
  PING: (_, args) => own(args[1] === undefined ? '+PONG\r\n' : bulk(String(args[1]))),
  ECHO: (_, args) => own(bulk(String(args[1]))),
  QUIT: (client) => {
    client.end();
    return own(OK);
  },
  SELECT: (_, args) => (String(args[1]) === '0' ? own(OK) : error('DB index is out of range')),

  FLUSHALL: (client, _, bytes) => client.toAll(bytes, merge.first),
  FLUSHDB: (client, _, bytes) => client.toAll(bytes, merge.first),
  SCRIPT: (client, _, bytes) => client.toAll(bytes, merge.first),
  UNWATCH: (client, _, bytes) => client.toAll(bytes, merge.first),
  MONITOR: (client, _, bytes) => client.toAll(bytes, merge.first),
  DBSIZE: (client, _, bytes) => client.toAll(bytes, merge.sum),
  KEYS: (client, _, bytes) => client.toAll(bytes, merge.concatenated),
  RANDOMKEY: (client, _, bytes) => client.toAll(bytes, merge.notNull),
  TIME: (client, _, bytes) => ({ parts: [client.to(0, bytes)] }),
  COMMAND: (client, _, bytes) => ({ parts: [client.to(0, bytes)] }),
  PUBLISH: (client, _, bytes) => ({ parts: [client.to(0, bytes)] }),

  SCAN: (client, args) => {
    if (client.options.plainScan === false) return unknown('SCAN');
    if (!/^\d{1,20}$/.test(String(args[1]))) return error('invalid cursor');
    const shards = client.shards.places.length;
    const { shard, own: cursor } = merge.shardCursor(String(args[1]), shards);
    const part = client.to(shard, commandOf(['SCAN', cursor, ...args.slice(2)]));
    return { parts: [part], merge: merge.scanned(shard, shards) };
  },
  ISCAN: byShard((client, shard, rest) => ({ parts: [client.to(shard, commandOf(['SCAN', ...rest]))] })),
  IINFO: byShard((client, shard, rest) => ({
    parts: [client.to(shard, commandOf(['INFO', ...rest]))],
    merge: merge.shardInfo(client.options, shard),
  })),
  IMONITOR: byShard((client, shard) => ({ parts: [client.to(shard, commandOf(['MONITOR']))] })),

  INFO: (client, args, bytes) => {
    const [, section, key] = args;
    if (key === undefined || wordOf(section) !== 'KEY' || client.options.shardCommands === false) {
      return client.toAll(bytes, merge.info(client.options));
    }
    const slot = keySlot(key, 0, key.length);
    return own(bulk(`slot:${slot} node_index:${client.shards.owners[slot]}`));
  },
  CLUSTER: (client, args, bytes) => {
    const [, word, key] = args;
    const isTold = client.options.clusterCommands && /^(INFO|NODES|SLAVES|SLOTS)$/.test(wordOf(word));
    if (isTold) return { parts: [client.to(0, bytes)] };
    if (wordOf(word) !== 'KEYSLOT' || key === undefined) return unknown('CLUSTER');
    return own(`:${keySlot(key, 0, key.length)}\r\n`);
  },
  CLIENT: (client, args, bytes) => {
    const word = wordOf(args[1]);
    if (word === 'GETNAME') return own(bulk(client.name));
    if (word === 'TRACKING' && client.options.tracking) return client.toAll(bytes, merge.first);
    if (word !== 'SETNAME') return error(`Unknown subcommand or wrong number of arguments for '${args[1]}'`);
    client.name = String(args[2]);
    return own(OK);
  },
  HELLO: (client, _, bytes) =>
    client.options.tracking ? client.toAll(bytes, merge.first) : unknown('HELLO'),
};

/** The argument behind the command's name is a shard's number. */
function byShard(command: (client: Client, shard: number, rest: Buffer[]) => Answer): OwnCommand {
  return (client, args) => {
    const text = String(args[1]);
    if (client.options.shardCommands === false) return unknown(String(args[0]));
    if (!/^\d+$/.test(text) || Number(text) >= client.shards.places.length) return error('invalid db_idx');
    return command(client, Number(text), args.slice(2));
  };
}

const wordOf = (arg: Buffer | undefined): string => String(arg).toUpperCase();
