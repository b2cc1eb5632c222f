/** What the host gives to the realm. Functions take and give primitives and fresh byte arrays. */

/** The functions of the host that Python gets; see _picloud/host.py. */
export interface Capabilities {
  readonly send: (size: number) => void;
  readonly wake: () => void;
  readonly call_write: (size: number) => void;
  readonly call_read: (size: number) => number;
  readonly sleep: (milliseconds: number) => void;
}

export interface HostFunctions {
  /** Booting has failed in a way that Pyodide does not pass on. */
  readonly failed: (message: string) => void;
  /** Writes a line to standard error. */
  readonly print: (line: string) => void;
  /** Milliseconds on the process's monotonic clock. */
  readonly now: () => number;
  /** Random bytes, a character each. */
  readonly random: (size: number) => string;
  readonly utf8Size: (text: string) => number;
  /** How many bytes were written. */
  readonly utf8Into: (text: string, target: Uint8Array) => number;
  readonly decode: (encoding: string, bytes: Uint8Array) => string;
  /** Calls `fire(id)` in the realm after some milliseconds, again and again if `repeat`. */
  readonly startTimer: (id: number, milliseconds: number, repeat: boolean) => void;
  readonly stopTimer: (id: number) => void;
  readonly soon: (id: number) => void;
  readonly stdlibSize: () => number;
  readonly stdlibInto: (target: Uint8Array) => void;
  /** Copies what the memory begins with into it. */
  readonly initialData: (memory: Uint8Array) => void;
  /** The guest's files as JSON. */
  readonly guestBundle: () => string;
  /** The snapshot's tables as JSON; empty if there is no snapshot. */
  readonly snapshotTables: () => string;
  /** How large the memory must be for it. */
  readonly snapshotSize: () => number;
  /** Copies the snapshot's pages into the memory. */
  readonly restore: (memory: Uint8Array) => void;
}

export interface BootOptions {
  /** Pyodide's WebAssembly, on its way through a compiler of this realm. */
  readonly compiled: object;
  readonly makeSnapshot: boolean;
}

/** What the host gets from the realm once Pyodide is up; read once, before any script runs. */
export interface Realm {
  readonly fire: (id: number) => void;
  readonly port: Port;
  readonly freeze: () => void;
  /** The tables of a snapshot as JSON. */
  readonly snapshotTables: () => string;
}

/** The guest's functions. Each gives a message if the interpreter has died, else what it says. */
export interface Port {
  /** The interpreter's memory, for the host to make views of. */
  readonly memory: object;
  readonly inbox: number;
  readonly inboxSize: number;
  readonly outbox: number;
  readonly outboxSize: number;
  readonly calls: number;
  readonly callsSize: number;
  readonly shared: number;
  readonly attach: (host: Capabilities, now: () => number) => string | undefined;
  readonly run: (start: number, end: number) => string | undefined;
  readonly pump: () => string | undefined;
  readonly window: (stream: number, credit: number) => string | undefined;
  readonly cancel: (stream: number) => string | undefined;
  readonly tick: () => string | undefined;
  readonly retire: () => string | undefined;
  /** Makes room for a payload; the address of it. */
  readonly reserve: (size: number) => string | number;
  /** Runs what a first request runs, so that it is compiled before there is one. */
  readonly rehearse: () => string | undefined;
  readonly bind: () => string | undefined;
  readonly check: (stream: number) => string | undefined;
  readonly putBody: (stream: number) => string | undefined;
  readonly result: (call: number, flags: number, size: number) => string | undefined;
  readonly limitMemory: (bytes: number) => void;
  /** Lets the guest get quiet and keeps everything of it that is not in the memory. */
  readonly keep: () => string | undefined;
  /** Whether a script has reached for JavaScript since `keep`, which `restore` can't undo. */
  readonly touched: () => boolean;
  /** Puts back what `keep` has kept, after the memory; calls are numbered from `firstCall` on. */
  readonly restore: (firstCall: number) => string | undefined;
}
