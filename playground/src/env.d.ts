/** The workers' addresses; build.mjs puts them in. */
declare const WORKERS: { readonly editor: string; readonly json: string; readonly graphql: string };

declare var MonacoEnvironment: { getWorker(id: string, label: string): Worker };

declare module "*.css";
