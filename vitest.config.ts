import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Half of the time a test waits (for a failover, a cut, a silence): two cores have room for a third file.
    maxWorkers: 3,
    // Of a file whose tests run together: each has servers of its own.
    maxConcurrency: 8,
    // No measure of speed: a wait that is this long has failed, however busy the machine is. Shorter than these are those of `until`, which say for what.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});

export default config;
