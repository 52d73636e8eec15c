/** The layout of src/ as rules; src/README.md explains the picture. */
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
module.exports = {
  forbidden: [
    rule('no-cycles', 'Modules that need each other are one module or need a third.', {}, { circular: true }),
    rule(
      'core-is-pure',
      'core/ decides: values in, values out. It may use templates, the schema library, hashing and address parsing, nothing of Node.',
      { path: '^src/core' },
      { pathNot: ['^src/core', '^node_modules/(handlebars|zod|@noble/hashes)/'] },
    ),
    rule(
      'source-star',
      'source/ brings the outside in; it knows core/ only.',
      { path: '^src/source' },
      { path: '^src/(?!source|core)' },
    ),
    rule(
      'haproxy-star',
      'haproxy/ carries decisions out; it knows core/ only.',
      { path: '^src/haproxy' },
      { path: '^src/(?!haproxy|core)' },
    ),
    rule(
      'daemon-star',
      'daemon/ says when; it knows core/ only.',
      { path: '^src/daemon' },
      { path: '^src/(?!daemon|core)' },
    ),
    rule(
      'daemon-no-io',
      'Time and I/O reach daemon/ through ports.',
      { path: '^src/daemon' },
      { dependencyTypes: ['core', 'npm'] },
    ),
    rule(
      'admin-star',
      'admin/ shows and is asked: it reads State and holds a Control.',
      { path: '^src/admin' },
      { path: '^src/(?!admin|core)' },
    ),
    rule(
      'demo-star',
      'demo/ stands in for the cluster: it knows core/ only.',
      { path: '^src/demo' },
      { path: '^src/(?!demo|core)' },
    ),
    rule(
      'demo-is-not-imported',
      'The stand-in is for the demo command and the tests.',
      { path: '^src/(?!demo|cli)' },
      { path: '^src/demo' },
    ),
    rule('src-without-test', 'src/ never needs test/.', { path: '^src' }, { path: '^test' }),
    rule('no-unresolved', 'Every import exists.', {}, { couldNotResolve: true }),
    rule(
      'no-dev-in-src',
      'What ships uses run-time dependencies only.',
      { path: '^src' },
      { dependencyTypes: ['npm-dev'], pathNot: '@types' },
    ),
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
