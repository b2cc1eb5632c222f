/**
 * Puts Emscripten's file system back as it was: every node, every open file. What is mounted, and
 * which devices there are, only JavaScript could change.
 */

export interface Node {
  usedBytes?: number;
  parent: Node | null;
  /** Not there at all in nodes that were made after the start. */
  mounted?: { readonly root: Node } | null;
  contents?: Record<string, Node> | Uint8Array | null;
}

interface Stream {
  readonly shared: object;
  readonly node: Node;
}

export interface Files {
  readonly root: Node;
  nameTable: unknown[];
  streams: (Stream | null)[];
  currentPath: string;
  nextInode: number;
}

export interface MemoryFiles {
  readonly stream_ops: FileOperations;
  readonly ops_table: { readonly file: { readonly stream: FileOperations } };
}

interface FileOperations {
  write: (stream: Stream, ...rest: unknown[]) => number;
}

/** Gives the function that restores what is there now. */
export function keepFiles(files: Files, memory: MemoryFiles): () => void {
  const nodes = new Map<Node, Node>();
  collect(files.root, nodes);
  protectContents(memory, nodes);
  const streams = files.streams.map(
    (stream) => stream && { stream, fields: { ...stream }, shared: { ...stream.shared } },
  );
  const { currentPath, nextInode } = files;
  const names = [...files.nameTable];
  return () => {
    for (const [node, fields] of nodes) {
      Object.assign(node, fields);
      if (isDirectory(fields)) {
        node.contents = Object.assign({}, fields.contents);
      }
    }
    files.streams = streams.map((kept) => {
      if (kept === null) {
        return null;
      }
      Object.assign(kept.stream.shared, kept.shared);
      return Object.assign(kept.stream, kept.fields);
    });
    files.currentPath = currentPath;
    files.nextInode = nextInode;
    files.nameTable = [...names];
  };
}

/** Bytes may come from another realm than this one, so their class says nothing. */
function isBytes(contents: Node["contents"]): contents is Uint8Array {
  return ArrayBuffer.isView(contents);
}

function isDirectory(node: Node): node is Node & { contents: Record<string, Node> } {
  return Boolean(node.contents) && !isBytes(node.contents);
}

/** Every node below this one with a copy of its fields; a directory's entries are copied too. */
function collect(node: Node, nodes: Map<Node, Node>): void {
  if (nodes.has(node)) {
    return;
  }
  const fields = { ...node };
  nodes.set(node, fields);
  if (isDirectory(fields)) {
    fields.contents = Object.assign({}, fields.contents);
    for (const child of Object.values(fields.contents)) {
      collect(child, nodes);
    }
  }
  if (node.mounted) {
    collect(node.mounted.root, nodes);
  }
}

/** A write goes to the bytes themselves: those to be kept are copied before the first one. */
function protectContents(memory: MemoryFiles, nodes: ReadonlyMap<Node, Node>): void {
  for (const operations of new Set([memory.stream_ops, memory.ops_table.file.stream])) {
    const { write } = operations;
    operations.write = (stream, ...rest) => {
      const { node } = stream;
      const { contents } = node;
      if (isBytes(contents) && contents === nodes.get(node)?.contents) {
        node.contents = contents.slice();
      }
      return write(stream, ...rest);
    };
  }
}
