import { describe, expect, test } from 'vitest';
import { parseProcesses } from '../../../src/haproxy/master.ts';

const HEADER = '#<PID>          <type>          <reloads>       <uptime>        <version>      ';

describe('parseProcesses', () => {
  test('reads a settled master (2.6)', () => {
    const text = `${HEADER}
9319            master          3 [failed: 0]   0d00h00m02s     2.6.12-1+deb12u4
# workers
9360            worker          0               0d00h00m01s     2.6.12-1+deb12u4
# programs

`;
    expect(parseProcesses(text)).toEqual({ masterPid: 9319, reloads: 3, failed: 0, workerPid: 9360, oldWorkers: [] });
  });

  test('reads workers that finish', () => {
    const text = `${HEADER}
10              master          2 [failed: 0]   1d02h03m04s     3.0.11
# workers
30              worker          0               0d00h00m01s     3.0.11
# old workers
20              worker          1               0d00h00m10s     3.0.11
15              worker          2               0d00h00m20s     3.0.11
# programs
`;
    expect(parseProcesses(text)).toMatchObject({ workerPid: 30, oldWorkers: [20, 15] });
  });

  test('finds the survivor of a failed reload below the old workers (3.2)', () => {
    const text = `${HEADER}
9525            master          2 [failed: 1]   0d00h00m02s     3.2.26-1
# workers
# old workers
9400            worker          4               0d00h00m09s     3.2.26-1
9540            worker          1               0d00h00m01s     3.2.26-1

`;
    expect(parseProcesses(text)).toEqual({
      masterPid: 9525,
      reloads: 2,
      failed: 1,
      workerPid: 9540,
      oldWorkers: [9400],
    });
  });

  test.each(['', '220 mail.example ESMTP', 'Unknown command'])('takes %j for no master', (text) => {
    expect(parseProcesses(text)).toBeUndefined();
  });
});
