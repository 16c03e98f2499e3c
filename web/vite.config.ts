import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** The gateway that `npm run dev` looks at. */
const gatewayUrl = process.env['LANECAST_URL'] ?? 'http://127.0.0.1:8080';
// The gateway accepts exact origins only, so the proxy speaks in the gateway's own name.
const proxied = { target: gatewayUrl, changeOrigin: true, headers: { origin: gatewayUrl } };

export default defineConfig({
  // Relative: the page works at `/` and under any path prefix of a reverse proxy.
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // Inlining would turn small assets into data: URLs, which the page's CSP refuses for scripts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 400,
  },
  server: { proxy: { '/api': proxied, '/ws': { ...proxied, ws: true } } },
  preview: { proxy: { '/api': proxied, '/ws': { ...proxied, ws: true } } },
  test: {
    environment: 'happy-dom',
    include: ['tests/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    maxWorkers: 2,
  },
});
