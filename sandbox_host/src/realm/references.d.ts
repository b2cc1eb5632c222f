/**
 * A small WebAssembly module as hexadecimal digits: two functions on references, which JavaScript
 * can't express. Pyodide's loader holds it, and the build takes it from there.
 */
export declare const REFERENCES: string;
