/** Every server of the cache is asked itself: COMMAND GETKEYS, and from 7.0 on COMMAND GETKEYSANDFLAGS. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import {
  formsWithoutKeys,
  malformedForms,
  subcommandForms,
  validForms,
} from '../../../test/support/key-forms.ts';
import { tableOf } from '../../../test/support/newest-commands.ts';
import { Random } from '../../../test/support/random.ts';
import { RedisServer } from '../../../test/support/redis-server.ts';
import { type Reply, ReplyError } from '../../../test/support/reply-parser.ts';
import type { Arg } from '../../../test/support/resp-client.ts';
import { cachedServers } from '../../../test/support/servers.ts';
import { FAMILIES } from '../../../test/support/write-commands.ts';
import { KeyFinder, NOT_FOUND } from './key-finder.ts';
import { READ, WRITE } from './key-spec.ts';
import type { KeyTable } from './key-table.ts';

const REFUSED = 'refused';

/** `position:access` for each key in order of the positions, or what else there is to say. */
type Answer = string[] | typeof REFUSED;

function found(finder: KeyFinder, args: readonly Arg[]): Answer {
  const count = finder.find(viewOf(...args));
  if (count === NOT_FOUND) return REFUSED;
  const keys = Array.from({ length: count }, (_, i) => [finder.positions[i], finder.access[i]] as number[]);
  return keys.sort(([a = 0], [b = 0]) => a - b).map((key) => key.join(':'));
}

const BITS: Record<string, number> = { RO: READ, RW: READ | WRITE, OW: WRITE, RM: WRITE };

/** Every form has keys that are no two alike, so their places are found by their bytes. */
function told(reply: Reply, args: readonly Arg[]): Answer {
  if (reply instanceof ReplyError) return /has no key arguments/.test(reply.message) ? [] : REFUSED;
  const text = args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString('latin1') : String(arg)));
  const places = (reply as Reply[]).map((item): string => {
    const [key, flags] = Array.isArray(item) ? item : [item, undefined];
    const access = (flags as string[] | undefined)?.find((flag) => flag in BITS) ?? '';
    const place = placeOf(text, (key as Buffer).toString('latin1'));
    return `${place}:${BITS[access] ?? '?'}`;
  });
  return places.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}

function placeOf(args: string[], key: string): number {
  // `STREAMS` is a keyword too, and stands before its keys; everywhere else the first one is the key.
  const from = key === 'STREAMS' ? args.lastIndexOf('streams') + 1 : 1;
  return args.indexOf(key, from);
}

const withoutAccess = (answer: Answer): Answer =>
  answer === REFUSED ? answer : answer.map((key) => key.replace(/:.*/, ''));

describe.each(cachedServers())('the keys that $name tells of', ({ name, binary }) => {
  const old = name === 'redis-6.0';
  let server: RedisServer;
  let table: KeyTable;
  let finder: KeyFinder;
  beforeAll(async () => {
    server = await RedisServer.start({ binary });
    table = await tableOf(server);
    finder = new KeyFinder(table);
  });
  afterAll(() => server.stop());

  const ask = async (forms: readonly (readonly Arg[])[]): Promise<Reply[]> => {
    const client = await server.connect();
    const subcommand = old ? 'GETKEYS' : 'GETKEYSANDFLAGS';
    const replies = await client.pipeline(forms.map((args) => ['COMMAND', subcommand, ...args]));
    client.close();
    return replies;
  };

  async function compare(forms: readonly (readonly Arg[])[]): Promise<number> {
    const replies = await ask(forms);
    let withKeys = 0;
    forms.forEach((args, i) => {
      const server = told(replies[i] as Reply, args);
      const own = found(finder, args);
      const label = args.join(' ').slice(0, 200);
      if (old) expect(withoutAccess(own), label).toEqual(withoutAccess(server));
      // Its specs say that it only reads.
      else if (/^xreadgroup/i.test(label) && server !== REFUSED)
        expect(own, label).toEqual(server.map((key) => key.replace(/:1$/, ':3')));
      else expect(own, label).toEqual(server);
      if (server !== REFUSED && server.length > 0) withKeys++;
    });
    return withKeys;
  }

  it('are found in every form of a command', async () => {
    const movable = (args: string[]): boolean => old && /^memory$/i.test(args[0] as string);
    const forms = [...validForms, ...subcommandForms].filter((args) => !movable(args));
    expect(await compare(forms)).toBeGreaterThan(old ? 120 : 180);
  });

  it('are found in what the writers write', async () => {
    const random = new Random(7);
    const forms = random.times(4000, () => random.pick(FAMILIES).make(random)).flat();
    const apart = forms.filter((args) => new Set(args.map(String)).size === args.length);
    const known = apart.filter((args) => !(old && table.lookup(viewOf(...args)) === undefined));
    // 7.0 takes no command without arguments.
    expect(await compare(known.filter((args) => args.length > 1))).toBeGreaterThan(2000);
  });

  it('are none where a command has none', async () => {
    for (const args of formsWithoutKeys) {
      const spec = table.lookup(viewOf(...args));
      const expected = spec === undefined || (old && /^MEMORY/.test(spec.name)) ? REFUSED : [];
      if (old && spec?.name === 'XGROUP') continue;
      expect(found(finder, args), args.join(' ')).toEqual(expected);
    }
    const replies = await ask(formsWithoutKeys.filter((args) => args.length > 1));
    expect(replies.filter((reply) => Array.isArray(reply) && reply.length > 0)).toEqual([]);
  });

  it('are not guessed where the server refuses the command', async () => {
    const forms = malformedForms.filter((args) => !(old && args[0] === 'XGROUP'));
    const replies = await ask(forms.filter((args) => args.length > 1));
    const keys = replies.filter((reply) => Array.isArray(reply) && reply.length > 0);
    expect(keys).toEqual([]);
    for (const args of forms) expect(found(finder, args), args.join(' ')).toBe(REFUSED);
  });

  it('are those of commands that it accepts', async () => {
    const forms = [...validForms, ...malformedForms].filter((args) => args.length > 1);
    const replies = await ask(forms);
    forms.forEach((args, i) => {
      const reply = replies[i];
      const counted = !(
        reply instanceof ReplyError && /Invalid (command|number)|wrong number/.test(reply.message)
      );
      expect(table.accepts(viewOf(...args)), args.join(' ')).toBe(counted);
    });
  });
});
