/**
 * Who may import whom (docs/ARCHITECTURE.md, "Where things live"). The compiler keeps Node and the DOM out of the pure
 * rings; this keeps the folders apart. Type-only imports count: a type is knowledge of the other folder too.
 */

const { Visitor } = require('@swc/core/Visitor.js');

// The visitor that dependency-cruiser builds upon stops at `using` declarations, which swc itself parses. Without this a
// file that has one cannot be checked at all.
const visitStatement = Visitor.prototype.visitStatement;
Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  for (const declarator of statement.decls) this.visitVariableDeclarator(declarator);
  return statement;
};

const packages = (...names) => `^node_modules/(${names.join('|')})/`;

/** What everybody in the server may know of infra: the door to SQL and a hash, not the engines behind them. */
const doors = '^src/server/infra/(database|tables|bytes|copy-writer)[.]ts$';

/** Folder → what it may import of ours, apart from itself. */
const serverFolders = {
  edge: {
    may: [
      '^src/(core|protocol|sync)/',
      '^src/server/(access|admission|command|read|fanout|ingest|transfer|embed|metrics|tracing)/',
      '^src/server/log/head[.]ts$',
      '^src/server/config[^/]*[.]ts$',
      doors,
    ],
    why: 'The edge turns bytes into commands and results into bytes. It writes through command, reads through read, listens through fanout.',
  },
  admission: {
    may: ['^src/core/'],
    why: 'Who gets a turn and who waits: queues that know neither a request nor an op.',
  },
  access: {
    may: ['^src/(core|protocol)/', '^src/server/(command|log)/', doors],
    why: 'Accounts, sessions and devices: who is asking, whatever they ask with. It knows no socket and no memory.',
  },
  command: {
    may: ['^src/(core|protocol)/', '^src/server/(admission|log|project|fanout)/', doors],
    why: 'The one write path decides, then appends, projects and hints. It knows no socket, no request and no way of reading.',
  },
  log: {
    may: ['^src/(core|protocol)/', '^src/server/infra/'],
    why: 'The log keeps events. What is made of them, and who is told, is decided above it.',
  },
  text: {
    may: ['^src/core/'],
    why: 'Words and stems of a text, the same for what is stored and what is asked.',
  },
  embed: {
    may: ['^src/core/', '^src/server/text/'],
    why: 'Texts become vectors, here or at a vendor. It knows no row and no user.',
  },
  ingest: {
    may: ['^src/core/', '^src/server/(text|embed|command|read)/', doors],
    why: 'Conversations become memories through the one write path; a vendor reads, and never writes.',
  },
  transfer: {
    may: ['^src/(core|protocol)/', '^src/server/(command|read)/', doors],
    why: 'Files in and out: formats, and the one write path behind them.',
  },
  project: {
    may: ['^src/(core|protocol)/', '^src/server/(log|infra|text|embed)/'],
    why: 'A projection follows from the log and nothing else, or it could not be rebuilt from it (LOG-6).',
  },
  fanout: {
    may: ['^src/(core|protocol)/', '^src/server/(log|infra)/'],
    why: 'Hints say how far the log has come; they carry no data and know no command (SYN-7).',
  },
  read: {
    may: ['^src/(core|protocol)/', '^src/server/(log|project|infra|text|embed)/'],
    why: 'Reads are not writes (LOG-7): no way leads from here to command.',
  },
  terminal: {
    may: ['^src/core/'],
    why: 'The command line asks a running server over HTTP, as anybody does; what it does in this process cli.ts brings.',
  },
  metrics: {
    may: ['^src/protocol/', '^src/server/(admission|fanout)/'],
    why: 'Figures and their names: what they are figures of, others tell them.',
  },
  tracing: {
    may: [],
    why: 'Spans and where they are sent; what they are spans of, others tell.',
  },
  observe: {
    may: ['^src/core/', '^src/server/(metrics|tracing|command|read|project|ingest|transfer|embed|infra)/'],
    why: 'Puts a hand around services, to count and trace what they do. Nobody below knows that it is watched.',
  },
  doctor: {
    may: ['^src/core/', '^src/server/(infra|embed|ingest|access)/', '^src/server/config[^/]*[.]ts$'],
    why: 'Tries for real what the server needs, one check a file; what is tried, cli.ts and deps.ts open for it.',
  },
  construct: {
    may: ['^src/'],
    why: 'Parts of deps.ts: what takes more than a call to be made from the configuration.',
  },
  infra: {
    may: [],
    why: 'Databases and files know nothing of memories, so the same engine serves every folder above.',
  },
};

const fromServerFolder = ([folder, { may, why }]) => ({
  name: `server-${folder}`,
  comment: why,
  severity: 'error',
  from: { path: `^src/server/${folder}/` },
  to: { path: '^(src|test|bench|conformance|examples)/', pathNot: [`^src/server/${folder}/`, ...may] },
});

module.exports = {
  forbidden: [
    {
      name: 'core-is-pure',
      comment: 'Client and server decide alike because both run this code; it depends on itself and on two pure packages.',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { pathNot: ['^src/core/', packages('zod', 'fast-json-patch')] },
    },
    {
      name: 'protocol-is-pure',
      comment:
        'The wire is the same on every side: core, a schema and a codec, nothing that is only in Node or only in a browser.',
      severity: 'error',
      from: { path: '^src/protocol/' },
      to: { pathNot: ['^src/(core|protocol)/', packages('zod', 'msgpackr')] },
    },
    {
      name: 'sync-is-pure',
      comment: 'Sync sessions are functions of state and input; whoever runs them brings the socket, the timer and the store.',
      severity: 'error',
      from: { path: '^src/sync/' },
      to: { pathNot: '^src/(core|protocol|sync)/' },
    },
    {
      name: 'client-runs-in-a-browser',
      comment: 'The client is published for pages, workers and extensions: the pure rings and one package for IndexedDB.',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { pathNot: ['^src/(core|protocol|sync|client)/', packages('idb', 'uuid')] },
    },
    ...Object.entries(serverFolders).map(fromServerFolder),
    {
      name: 'app-assembles-the-edge',
      comment: 'app.ts puts routes and sockets together from what it is given; what they need is made in deps.ts.',
      severity: 'error',
      from: { path: '^src/server/app[.]ts$' },
      to: {
        path: '^(src|test|bench|conformance|examples)/',
        pathNot: ['^src/(core|protocol|sync)/', '^src/server/edge/', '^src/server/config[^/]*[.]ts$', doors],
      },
    },
    {
      name: 'one-place-constructs',
      comment:
        'Only main.ts, cli.ts, deps.ts and the thread of imports see everything. Other files beside them are tables and know the pure rings at most.',
      severity: 'error',
      from: {
        path: '^src/server/[^/]+[.]ts$',
        pathNot: '^src/server/(main|cli|deps|app|import-thread-main)[.]ts$',
      },
      to: {
        path: '^(src|test|bench|conformance|examples)/',
        pathNot: ['^src/(core|protocol|sync)/', '^src/server/config[^/]*[.]ts$'],
      },
    },
    {
      name: 'every-folder-has-a-rule',
      comment: 'A new folder gets a row in this table before it gets imports.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '^src/(core|protocol|sync|client)/',
          `^src/server/(${Object.keys(serverFolders).join('|')})/`,
          '^src/server/[^/]+$',
        ],
      },
      to: {},
    },
    {
      name: 'drivers-live-in-infra',
      comment: 'Both databases pass through one door, database.ts; a driver used beside it works on one of them only.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/server/infra/' },
      to: { path: packages('pg', 'pg-copy-streams', 'pg-pool', '@electric-sql', 'redis', 'ioredis') },
    },
    {
      name: 'the-web-lives-in-the-edge',
      comment: 'No status code and no socket below the edge: the same command serves HTTP, WebSocket and agents.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/server/(edge/|app[.]ts$|main[.]ts$|cli[.]ts$|deps[.]ts$)' },
      to: { path: packages('fastify', '@fastify', 'ws') },
    },
    {
      name: 'source-knows-no-tests',
      comment: 'What runs in production must not need what is only there to test or show it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|conformance|examples)/' },
    },
    {
      name: 'source-knows-no-dev-dependencies',
      comment: 'An installation without devDependencies has to start.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional'],
        pathNot: '^node_modules/@types/',
      },
    },
    {
      name: 'examples-use-the-published-part',
      comment: 'An example shows what somebody outside can do: the wire and the pure rings, not the server from inside.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(src|test|bench|conformance)/', pathNot: '^src/(core|protocol|sync|client)/' },
    },
    {
      name: 'conformance-speaks-from-outside',
      comment: 'The kit judges any server by the wire. What a server of ours does inside, and how it merges, it must not know.',
      severity: 'error',
      from: { path: '^conformance/' },
      to: { path: '^(src|test|bench|examples)/', pathNot: ['^src/core/(?!merge[.]|state-hash[.])', '^src/protocol/'] },
    },
    {
      name: 'bench-measures-from-outside',
      comment:
        'A bench talks to a server as clients do; only the databases it may open itself, to fill or to compare them. Plans of search are compared statement by statement.',
      severity: 'error',
      from: { path: '^bench/' },
      to: {
        path: '^(src|test|conformance|examples)/',
        pathNot: [
          '^src/(core|protocol|sync|client)/',
          '^src/server/infra/',
          '^src/server/log/log-bytes[.]ts$',
          '^src/server/(read/nearest|project/vector-index)[.]ts$',
        ],
      },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or miss a third below them.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that imports nothing and that nobody imports is left over.',
      severity: 'error',
      from: { path: '^(src|bench|conformance|examples)/', orphan: true, pathNot: '[.]d[.]ts$' },
      to: {},
    },
    {
      name: 'imports-resolve',
      comment: 'An import that leads nowhere is a typing error or a package missing from package.json.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'packages-are-listed',
      comment: 'A package that is only there because another one brought it can be gone tomorrow.',
      severity: 'error',
      from: { path: '^(src|bench|conformance|examples|test)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    // dependency-cruiser reads TypeScript through the compiler's JavaScript API, which TypeScript 7 does not have; swc
    // parses instead, and sees type-only imports as well.
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json', '.d.ts'],
    },
  },
};
