// Prints what failed, and the line by which people and CI count: "N passed, N failed, N skipped". A failed check, or an error
// outside any test, counts as one failure. What failed is told here once more, because a log is often kept by its end only.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const longestMessage = 1500;
const [file, status, check] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;
const failures = [];
try {
  const results = JSON.parse(readFileSync(file, 'utf8'));
  passed = results.numPassedTests;
  failed = results.numFailedTests;
  skipped = results.numPendingTests + results.numTodoTests;
  for (const { name, message, assertionResults } of results.testResults) {
    const where = relative(process.cwd(), name);
    const tests = assertionResults.filter((test) => test.status === 'failed');
    for (const test of tests) failures.push(`${where} > ${test.fullName}\n${test.failureMessages.join('\n')}`);
    if (tests.length === 0 && message) failures.push(`${where}\n${message}`);
  }
} catch (error) {
  failures.push(`no test results: ${error.message}`);
}
if (check === '1') failures.push('npm run check');
if (status !== '0' && failures.length === 0) failures.push('an error outside any test: see above');
if (status !== '0' && failed === 0) failed = 1;
for (const failure of failures) process.stdout.write(`FAILED: ${failure.slice(0, longestMessage)}\n`);
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
