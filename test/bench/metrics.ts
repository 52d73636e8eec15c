import type { PortolanProcess } from '../support/portolan-process.ts';

/** The sum of a metric over the label sets that have `labels` in them. 0 when there is none. */
export async function metric(portolan: PortolanProcess, name: string, labels = ''): Promise<number> {
  const { text } = await portolan.admin('/metrics');
  return text.split('\n').reduce((sum, line) => {
    const match = /^([a-z_]+)(\{[^}]*\})? (\S+)/.exec(line);
    return match?.[1] === name && (match[2] ?? '').includes(labels) ? sum + Number(match[3]) : sum;
  }, 0);
}

/** How often HAProxy was reloaded so far. */
export const reloads = (portolan: PortolanProcess): Promise<number> =>
  metric(portolan, 'portolan_reloads_total', 'outcome="success"');

/** How long the event loop was held since the last call, in milliseconds; NaN where Portolan does not tell. */
export async function loopDelay(portolan: PortolanProcess): Promise<{ readonly p999: number; readonly max: number }> {
  const { text } = await portolan.admin('/metrics');
  const value = (quantile: string) =>
    Number(new RegExp(`^portolan_event_loop_delay_seconds\\{quantile="${quantile}"\\} (\\S+)$`, 'm').exec(text)?.[1]) *
    1_000;
  return { p999: value('0.999'), max: value('1') };
}
