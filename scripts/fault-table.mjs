// Prints the fault suite's table. With --complete, a failure mode that no scenario injected and nobody gave a reason for is an error.
import { missing, outcomes, tableOf } from '../test/fault/suite/report.ts';

const all = outcomes();
if (all.length > 0) process.stdout.write(`${tableOf(all)}\n`);
if (process.argv.includes('--complete') && missing(all).length > 0) process.exitCode = 1;
