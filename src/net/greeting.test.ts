import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NaruError } from '../errors/errors.ts';
import { type ClientOptions, openClient, type RespClient } from './client.ts';
import { Secret } from './secret.ts';

const servers: net.Server[] = [];
const sockets: net.Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

const PASSWORD = 'hunter2hunter2';

/** A server that answers each arrival with what `answer` makes of it; undefined: it hangs up. */
async function open(
  answer: (text: string) => string | undefined,
  { password = '', username = '', db = 0, ...options }: Partial<ClientOptions> & Record<string, unknown> = {},
): Promise<RespClient> {
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const reply = answer(data.toString('latin1'));
      if (reply === undefined) socket.destroy();
      else socket.write(reply, 'latin1');
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const endpoint = {
    host: '127.0.0.1',
    port,
    db: db as number,
    tls: false,
    ...(username === '' ? {} : { username: username as string }),
    ...(password === '' ? {} : { password: Secret.of(password as string) }),
  };
  return openClient(endpoint, { side: 'source', timeoutMs: 60_000, ...options });
}

async function refusal(...args: Parameters<typeof open>): Promise<NaruError> {
  const error = await open(...args).then(
    () => new Error('it was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(NaruError);
  const shown = `${(error as Error).stack} ${JSON.stringify(error)} ${String((error as Error).cause)}`;
  expect(shown).not.toContain(PASSWORD.slice(0, 6));
  return error as NaruError;
}

describe('a server that is not ready', () => {
  it.each([
    ['-LOADING Redis is loading the dataset in memory', 'SOURCE_LOADING'],
    ["-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'SOURCE_NO_MASTER'],
    ['-BUSY Redis is busy running a script.', 'UNREACHABLE'],
    ['-ERR max number of clients reached', 'UNREACHABLE'],
  ])('%s is %s for the source, TARGET_UNAVAILABLE for the target', async (line, code) => {
    for (const password of ['', PASSWORD]) {
      expect((await refusal(() => `${line}\r\n`, { password })).code).toBe(code);
      const target = await refusal(() => `${line}\r\n`, { password, side: 'target' });
      expect([target.code, target.retry]).toEqual(['TARGET_UNAVAILABLE', true]);
    }
  });
});

describe('logging in', () => {
  it.each([
    ['-ERR invalid password', 'The server does not accept the password.'],
    [
      '-ERR Client sent AUTH, but no password is set',
      'The address gives a password, but the server has none.',
    ],
    [
      `-ERR unknown command 'AUTH', with args beginning with: '${PASSWORD}' `,
      'The server does not know AUTH.',
    ],
    [
      `-ERR unknown command 'AUTH', with args beginning with: '${PASSWORD.slice(0, 9)}' `,
      'The server does not know AUTH.',
    ],
    [`-${PASSWORD.toUpperCase()} ${PASSWORD} is wrong`, 'The server refused AUTH.'],
    ['-NOAUTH no', 'The server refused AUTH.'],
  ])('answers %s with its own words', async (line, message) => {
    const error = await refusal(() => `${line}\r\n`, { password: PASSWORD });
    expect([error.code, error.message]).toEqual(['AUTH_FAILED', message]);
  });

  it('gives the password only to an old server, for the user "default"', async () => {
    const wrong = "-ERR wrong number of arguments for 'auth' command\r\n";
    const old = (text: string): string => {
      if (text.startsWith('*3\r\n$4\r\nAUTH')) return wrong;
      return text.includes('PING') ? '+PONG\r\n' : '+OK\r\n';
    };
    await (await open(old, { password: PASSWORD, username: 'default' })).close();
    const error = await refusal(old, { password: PASSWORD, username: 'ann' });
    expect([error.code, error.message]).toEqual([
      'AUTH_FAILED',
      'The server is older than Redis 6 and knows no users: give the password only.',
    ]);
  });

  it.each([
    ['-NOAUTH Authentication required.', 'AUTH_FAILED'],
    ['-ERR operation not permitted', 'AUTH_FAILED'],
    ['-DENIED Redis is running in protected mode because ...', 'AUTH_FAILED'],
    ["-NOPERM this user has no permissions to run the 'ping' command", 'NO_PERMISSION'],
    ["-ERR unknown command 'PING'", 'NOT_REDIS'],
  ])('is needed or refused: %s to PING is %s', async (line, code) => {
    expect((await refusal(() => `${line}\r\n`)).code).toBe(code);
  });
});

describe('a peer that is no Redis', () => {
  it('is told by its bytes', async () => {
    const http = await refusal(() => 'HTTP/1.1 400 Bad Request\r\n\r\n', { password: PASSWORD });
    expect([http.code, http.message]).toEqual(['NOT_REDIS', 'The port speaks HTTP.']);
    const alert = await refusal(() => '\x15\x03\x03\x00\x02\x02\x46');
    expect([alert.code, alert.message]).toEqual(['NOT_REDIS', 'The port speaks TLS: write rediss://.']);
    const smtp = await refusal(() => '500 what?\r\n');
    expect([smtp.code, smtp.message]).toEqual([
      'NOT_REDIS',
      'The peer does not speak the protocol of Redis: This is not a reply: "500 what?\\r\\n" at offset 0.',
    ]);
  });

  it('does not get the password shown when it sends it back', async () => {
    const echo = await refusal((text) => text, { password: PASSWORD });
    expect([echo.code, echo.message]).toEqual(['NOT_REDIS', 'The peer answers AUTH as no Redis does.']);
    const smtp = await refusal(() => `500 ${PASSWORD}\r\n`, { password: PASSWORD });
    expect(smtp.message).toBe('The peer does not speak the protocol of Redis.');
    const twice = await refusal(() => `+OK\r\n-${PASSWORD}\r\n`, { password: PASSWORD });
    expect(twice.code).toBe('LINK_LOST');
    const later = await refusal((text) => (text.includes('AUTH') ? '+OK\r\n' : `-ERR ${PASSWORD}\r\n`), {
      password: PASSWORD,
      db: 1,
    });
    expect([later.code, later.message]).toEqual(['NOT_REDIS', 'PING was refused: ERR [secret].']);
  });

  it('is not waited for longer than the time given, nor after the signal', async () => {
    const silent = await refusal(() => '', { timeoutMs: 1000 });
    expect([silent.code, silent.message, silent.cause]).toEqual([
      'NOT_REDIS',
      'The port accepts connections, but gave no answer within 1000 ms.',
      expect.objectContaining({ code: 'ETIMEDOUT' }),
    ]);
    const controller = new AbortController();
    const stop = (): string => {
      controller.abort(new NaruError('STOPPED_EARLY', 'stop'));
      return '';
    };
    expect((await refusal(stop, { signal: controller.signal })).code).toBe('STOPPED_EARLY');
  });

  it('is a lost link when it hangs up without a word', async () => {
    const error = await refusal(() => undefined);
    expect([error.code, error.retry]).toEqual(['LINK_LOST', true]);
  });

  it('answers PING as no Redis does', async () => {
    expect((await refusal(() => '+OK\r\n')).code).toBe('NOT_REDIS');
    expect((await refusal(() => ':1\r\n')).code).toBe('NOT_REDIS');
  });
});
