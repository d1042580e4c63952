import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** Addresses are relative, so that the pages also work behind a proxy that serves a node under a path of its own. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: fileURLToPath(new URL('../dist/dashboard', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // The policy of the server allows no data: address but images, and a file of its own is cached for good.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
