#!/usr/bin/env node
// Before anything else is loaded: the title replaces the arguments in the process list, and a URL among them may hold a password.
process.title = 'naru';

const { runCli } = await import('./program.ts');
const { processContext } = await import('./process-context.ts');

const exitCode = await runCli(process.argv.slice(2), processContext());
// All output is written; whatever else may be open must not keep the process alive.
process.exit(exitCode);
