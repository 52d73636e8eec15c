/** All apps with their tasks. The order of the embeds matters: Marathon 0.8 looks at the first one only. */
export const APPS_PATH = '/v2/apps?embed=apps.tasks&embed=apps.deployments';

/** The path of one app, without query; its id is a path itself. */
export function appPath(app: string): string {
  return `/v2/apps${app.split('/').map(encodeURIComponent).join('/')}`;
}

/** The path of one app with its tasks. */
export const appWithTasksPath = (app: string): string => `${appPath(app)}?embed=apps.tasks&embed=apps.deployments`;
