/** The order matters: Marathon 0.8 looks at the first one only. */
const EMBEDS = 'embed=apps.tasks&embed=apps.deployments&embed=apps.readiness';

/** All apps with their tasks, and what their readiness checks say while they are deployed. */
export const APPS_PATH = `/v2/apps?${EMBEDS}`;

/** The path of one app, without query; its id is a path itself. */
export function appPath(app: string): string {
  return `/v2/apps${app.split('/').map(encodeURIComponent).join('/')}`;
}

/** The path of one app with the same. */
export const appWithTasksPath = (app: string): string => `${appPath(app)}?${EMBEDS}`;
