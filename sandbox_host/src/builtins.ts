/** What of Node.js takes ten milliseconds each to load: loaded while there is nothing else to do. */

export const net = () => process.getBuiltinModule("node:net");
export const crypto = () => process.getBuiltinModule("node:crypto");
export const v8 = () => process.getBuiltinModule("node:v8");

/** Those that every sandbox needs. */
export function loadBuiltins(): void {
  net();
  crypto();
}
