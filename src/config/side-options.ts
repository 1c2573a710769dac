/** The rows of the table that both sides have, as `from-...` and `to-...`. `{side}` stands for source or target. */
export const perSide = {
  'address-map': {
    kind: 'addresses',
    group: 'Endpoints',
    doc: 'where servers of the {side} are reached that announce another address: announced=reachable, ...',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  username: {
    kind: 'text',
    group: 'Endpoints',
    doc: 'user at the {side}',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  password: {
    kind: 'secret',
    group: 'Endpoints',
    doc: 'password at the {side}',
    commands: ['sync', 'scan', 'restore', 'dump'],
    flag: false,
    toml: false,
  },
  'password-file': {
    kind: 'path',
    group: 'Endpoints',
    doc: 'file whose first line is the password at the {side}',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'sentinel-username': {
    kind: 'text',
    group: 'Endpoints',
    doc: 'user at the sentinels of the {side}',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'sentinel-password': {
    kind: 'secret',
    group: 'Endpoints',
    doc: 'password at the sentinels of the {side}',
    commands: ['sync', 'scan', 'restore', 'dump'],
    flag: false,
    toml: false,
  },
  'sentinel-password-file': {
    kind: 'path',
    group: 'Endpoints',
    doc: 'file whose first line is the password at the sentinels of the {side}',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'tls-ca': {
    kind: 'path',
    group: 'TLS',
    doc: '--tls-ca for the {side} only',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'tls-cert': {
    kind: 'path',
    group: 'TLS',
    doc: '--tls-cert for the {side} only',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'tls-key': {
    kind: 'path',
    group: 'TLS',
    doc: '--tls-key for the {side} only',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'tls-insecure': {
    kind: 'boolean',
    group: 'TLS',
    doc: '--tls-insecure for the {side} only',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'tls-server-name': {
    kind: 'text',
    group: 'TLS',
    doc: 'name that the certificate of the {side} must have, where it is not the host',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
} as const;
