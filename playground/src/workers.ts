// Where the editor finds its workers: beside the page, never elsewhere.
globalThis.MonacoEnvironment = {
  getWorker(_id: string, label: string): Worker {
    switch (label) {
      case "json":
        return new Worker(WORKERS.json);
      case "graphql":
        return new Worker(WORKERS.graphql);
      default:
        return new Worker(WORKERS.editor);
    }
  },
};
