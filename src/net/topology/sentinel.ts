/** Asks a group of sentinels for the master (redis/src/sentinel.c, sentinelCommand), and the master whether it is one. */
import { isNaruError, NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import type { Reply } from '../../protocol/resp/reply.ts';
import { type RespClient, ServerError } from '../client.ts';
import { describeHostPort, type Endpoint, type HostPort, type SentinelAccess } from '../url.ts';
import { AddressMap } from './address-map.ts';
import { unreachableError } from './cluster-problems.ts';
import { type Finding, LASTING_MS } from './finding.ts';
import {
  type AskOptions,
  askDatabases,
  askFacts,
  isUnknownCommand,
  type ServerFacts,
  visit,
} from './node-questions.ts';
import { nodeEndpoint, oneOwner, type TopologyNode, type TopologyWarning } from './topology.ts';

/** What one sentinel says. */
export interface Answer {
  /** undefined: it does not know the name */
  master: HostPort | undefined;
  /** config epoch of the master: which failover it heard of last */
  epoch: number;
  /** It takes the master to be down, alone or with others. */
  down: boolean;
  replicas: readonly SeenReplica[];
  /** all names that it knows, where it does not know this one */
  names: readonly string[];
}

interface SeenReplica extends HostPort {
  down: boolean;
  linkUp: boolean;
}

/** One round. Rejects with NaruError SENTINEL_UNKNOWN_MASTER, and where a server refuses. */
export async function lookAtSentinels(options: AskOptions): Promise<Finding> {
  const { seeds = [], sentinel, host = '', port = 0 } = options.endpoint;
  const access = sentinel as SentinelAccess;
  const warnings: TopologyWarning[] = [];
  const places = seeds.length > 0 ? seeds : [{ host, port }];
  const outcomes = await Promise.all(places.map((place) => askSentinel(place, access, options)));
  const answers: Answer[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    if (!isNaruError(outcome)) answers.push(outcome);
    else
      warnings.push({
        code: 'SENTINEL_AWAY',
        message: `A sentinel can not be asked, ${describeHostPort(places[index] as HostPort)}: ${outcome.message}`,
      });
  }
  if (answers.length === 0) return { problem: { error: outcomes[0] as NaruError, patienceMs: 0 } };
  const chosen = chooseMaster(answers);
  if (chosen === undefined) throw unknownMaster(access.master, answers, options);
  if (chosen === 'undecided') return { problem: { error: undecided(answers, options) } };
  return verify(chosen, answers, warnings, options);
}

/**
 * The newest failover is right, as it is for the sentinels themselves; of those that heard of the same the greater number. Undefined: nobody knows
 * the name.
 */
export function chooseMaster(answers: readonly Answer[]): Answer | 'undecided' | undefined {
  const knowing = answers.filter(({ master }) => master !== undefined);
  if (knowing.length === 0) return undefined;
  const epoch = Math.max(...knowing.map((answer) => answer.epoch));
  const votes = new Map<string, Answer[]>();
  for (const answer of knowing.filter((other) => other.epoch === epoch)) {
    const name = describeHostPort(answer.master as HostPort);
    votes.set(name, [...(votes.get(name) ?? []), answer]);
  }
  const [first, second] = [...votes.values()].sort((a, b) => b.length - a.length);
  return first?.length === second?.length ? 'undecided' : first?.[0];
}

/** NaruError as a value: the sentinel is away. A refusal is thrown. */
async function askSentinel(
  place: HostPort,
  access: SentinelAccess,
  options: AskOptions,
): Promise<Answer | NaruError> {
  const { tls, username, password } = access;
  const endpoint: Endpoint = {
    ...place,
    db: 0,
    tls,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  };
  try {
    return await visit(endpoint, options, (client) => questions(client, access.master));
  } catch (error) {
    if (isNaruError(error) && mayComeBack(error)) return error;
    throw explain(error, place, options);
  }
}

async function questions(client: RespClient, name: string): Promise<Answer> {
  const address = await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
  if (!Array.isArray(address)) {
    return { master: undefined, epoch: 0, down: false, replicas: [], names: await askMasters(client) };
  }
  const master = fieldsOf(await client.call('SENTINEL', 'MASTER', name));
  // The old word for REPLICAS, which all versions know.
  const replicas = await client.call('SENTINEL', 'SLAVES', name);
  return {
    master: { host: String(address[0]), port: Number(address[1]) },
    epoch: Number(master.get('config-epoch') ?? 0),
    down: isDown(master),
    replicas: (Array.isArray(replicas) ? replicas : []).map(fieldsOf).map(seenReplica),
    names: [],
  };
}

/** The names of all masters that a sentinel watches. */
export async function askMasters(client: RespClient): Promise<string[]> {
  const masters = await client.call('SENTINEL', 'MASTERS');
  return (Array.isArray(masters) ? masters : []).map((item) => fieldsOf(item).get('name') ?? '');
}

/** Names and values in turn. */
function fieldsOf(reply: Reply): Map<string, string> {
  const items = Array.isArray(reply) ? reply : [];
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < items.length; at += 2) fields.set(String(items[at]), String(items[at + 1]));
  return fields;
}

function seenReplica(fields: Map<string, string>): SeenReplica {
  return {
    host: fields.get('ip') ?? '',
    port: Number(fields.get('port')),
    down: isDown(fields),
    linkUp: fields.get('master-link-status') === 'ok',
  };
}

function isDown(fields: Map<string, string>): boolean {
  return /s_down|o_down|disconnected/.test(fields.get('flags') ?? '');
}

async function verify(
  { master, epoch, replicas }: Answer,
  answers: readonly Answer[],
  warnings: TopologyWarning[],
  options: AskOptions,
): Promise<Finding> {
  const announced = master as HostPort;
  const node = nodeOf(announced, 'master', options);
  const asked = await askServer(node, options, true);
  if (isNaruError(asked)) {
    const error = unreachableError(node, asked, 'sentinels', options);
    return { problem: { error, ...(!answers.some(({ down }) => down) && { patienceMs: LASTING_MS }) } };
  }
  if (asked.role !== 'master') {
    const sentence = `The sentinels name ${describeHostPort(announced)} as the master, which says of itself that it is a replica.`;
    return { problem: { error: noMaster(sentence, options) } };
  }
  const first = { ...node, linkUp: true, reached: true, version: asked.version, flavour: asked.flavour };
  const others = await Promise.all(
    replicas.map((replica) => replicaNode(replica, first.id, warnings, options)),
  );
  const databases = asked.databases;
  return {
    topology: {
      kind: 'sentinel',
      nodes: [first, ...others],
      owners: oneOwner(),
      moves: [],
      epoch,
      ...(databases !== undefined && { databases }),
      warnings,
    },
  };
}

async function replicaNode(
  replica: SeenReplica,
  masterId: string,
  warnings: TopologyWarning[],
  options: AskOptions,
): Promise<TopologyNode> {
  const { down, linkUp, host, port } = replica;
  const node = { ...nodeOf({ host, port }, 'replica', options), masterId, failed: down };
  const asked = down ? undefined : await askServer(node, options, false);
  if (asked === undefined) return node;
  if (isNaruError(asked)) {
    warnings.push({
      code: 'NODE_AWAY',
      message: `The replica ${node.id} can not be asked: ${asked.message}`,
    });
    return node;
  }
  const { version, flavour } = asked;
  return { ...node, linkUp: linkUp && asked.linkUp, reached: true, version, flavour };
}

function nodeOf(announced: HostPort, role: TopologyNode['role'], options: AskOptions): TopologyNode {
  const at = (options.addressMap ?? AddressMap.NONE).translate(announced.host, announced.port);
  const id = describeHostPort(announced);
  return { id, ...at, announced, role, slots: [], linkUp: false, failed: false, reached: false };
}

/** NaruError as a value: the server is away. */
async function askServer(
  node: TopologyNode,
  options: AskOptions,
  withDatabases: boolean,
): Promise<(ServerFacts & { databases: number | undefined }) | NaruError> {
  try {
    return await visit(nodeEndpoint(options.endpoint, node), options, async (client) => {
      const facts = await askFacts(client);
      return { ...facts, databases: withDatabases ? await askDatabases(client, facts) : undefined };
    });
  } catch (error) {
    if (!isNaruError(error)) throw error;
    if (mayComeBack(error)) return error;
    const message = `The ${node.role} ${node.id} of the sentinels: ${error.message}`;
    throw new NaruError(error.code, message, error.place, { cause: error });
  }
}

function explain(error: unknown, place: HostPort, { side }: AskOptions): unknown {
  const node = describeHostPort(place);
  if (isUnknownCommand(error)) {
    return new NaruError(
      'CONFIG_INVALID',
      `What answers at ${node} is no sentinel: it does not know SENTINEL.`,
      { side, node },
    );
  }
  if (error instanceof ServerError) {
    return new NaruError(
      'SENTINEL_NO_MASTER',
      `The sentinel ${node} refused to answer: ${error.text}.`,
      { side, node },
      { cause: error },
    );
  }
  if (!isNaruError(error)) return error;
  const prefix = `--${side === 'source' ? 'from' : 'to'}-sentinel`;
  const hint =
    error.code === 'AUTH_FAILED'
      ? ` The sentinels' own user and password are ${prefix}-username and ${prefix}-password.`
      : '';
  return new NaruError(error.code, `The sentinel ${node}: ${error.message}${hint}`, error.place, {
    cause: error,
  });
}

function unknownMaster(name: string, answers: readonly Answer[], { side }: AskOptions): NaruError {
  const names = [...new Set(answers.flatMap((answer) => answer.names))].filter((known) => known !== '');
  const known = names.length === 0 ? 'They know none.' : `They know ${names.join(', ')}.`;
  return new NaruError('SENTINEL_UNKNOWN_MASTER', `The sentinels know no master ${name}. ${known}`, { side });
}

function undecided(answers: readonly Answer[], options: AskOptions): NaruError {
  const names = answers.flatMap(({ master }) => (master === undefined ? [] : [describeHostPort(master)]));
  return noMaster(
    `The sentinels do not agree on the master: they name ${[...new Set(names)].join(' and ')}.`,
    options,
  );
}

function noMaster(sentence: string, { side }: AskOptions): NaruError {
  return new NaruError('SENTINEL_NO_MASTER', sentence, { side });
}
