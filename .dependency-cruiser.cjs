// The folders are the architecture: imports point one way (ARCHITECTURE.md). Each rule lists what a folder may NOT import.
const coreOrder = ['types', 'codec', 'clock', 'merkle', 'state', 'reconcile', 'cut', 'snapshot', 'replica'];
const coreRules = coreOrder.map((part, i) => ({
  name: `core-${part}-imports-only-earlier-parts`,
  severity: 'error',
  from: { path: `^src/core/${part}/` },
  to: { path: '^src/', pathNot: `^src/core/(${coreOrder.slice(0, i + 1).join('|')})/` },
}));
const only = (name, from, allowed) => ({
  name: `${name}-imports`,
  severity: 'error',
  from: { path: `^src/${from}` },
  to: { path: '^src/', pathNot: allowed.map((a) => `^src/${a}`).join('|') },
});
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...coreRules,
    { name: 'core-has-no-io', severity: 'error', from: { path: '^src/(core|ports|runtime)/' }, to: { dependencyTypes: ['core'] } },
    only('ports', 'ports/', ['ports/', 'core/types/']),
    only('runtime', 'runtime/', ['runtime/', 'core/', 'ports/']),
    only('adapters', 'adapters/', ['adapters/', 'ports/', 'core/types/', 'core/codec/']),
    only('adapters-apart', 'adapters/store/', ['adapters/store/', 'ports/', 'core/types/', 'core/codec/']),
    only('adapters-p2p', 'adapters/p2p/', ['adapters/p2p/', 'ports/', 'core/types/', 'core/codec/']),
    only('adapters-http', 'adapters/http/', ['adapters/http/', 'ports/', 'core/types/', 'core/codec/']),
    only('config', 'config/', ['config/', 'core/types/', 'core/codec/', 'adapters/system/keys', 'adapters/system/ed25519']),
    only('api', 'api/', ['api/', 'runtime/', 'core/types/', 'core/codec/']),
    only('client', 'client/', ['client/', 'api/contract/', 'core/types/']),
    only('audit', 'audit/', ['audit/', 'core/']),
    only('cli', 'cli/', ['cli/', 'audit/', 'app/', 'config/', 'core/', 'runtime/facade', 'adapters/system/']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
