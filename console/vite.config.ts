import { defineConfig } from "vite";

// Fixed names, one script and one style sheet: the committed build changes where the source does, and an ETag is all
// that caching needs. Relative addresses: a proxy may put a path before the gateway's.
export default defineConfig({
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    outDir: "../src/penstock/admin/console_build",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: "console.js",
        assetFileNames: "[name][extname]",
        inlineDynamicImports: true,
      },
    },
  },
});
