/**
 * What Pyodide and our own functions rely on after a script has run. Freezing every intrinsic would
 * break Pyodide, which assigns to properties that its objects inherit.
 */

export function freezeIntrinsics(): void {
  const typedArray = Object.getPrototypeOf(Uint8Array) as { readonly prototype: object };
  const wasm = WebAssembly as unknown as Record<string, { readonly prototype: object }>;
  const pairs = [Promise, ArrayBuffer, DataView, typedArray, Uint8Array, Uint32Array, Float64Array];
  const frozen: object[] = [JSON, Reflect, Atomics, WebAssembly];
  for (const constructor of [...pairs, ...["Memory", "Module", "Instance", "Table"].map((n) => wasm[n])]) {
    if (constructor !== undefined) {
      frozen.push(constructor, constructor.prototype);
    }
  }
  for (const object of frozen) {
    Object.freeze(object);
  }
}
