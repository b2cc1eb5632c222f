/** The start of everything in the realm: globals, then Pyodide, then what the host gets of it. */

import { bootPyodide, type Factory, snapshotTables } from "./boot.js";
import { freezeIntrinsics } from "./freeze.js";
import { defineGlobals } from "./globals.js";
import { messageOf } from "./host-calls.js";
import type { BootOptions, HostFunctions, Realm } from "./host.js";
import { openPort } from "./port.js";

/**
 * Called once. `ready` gets what the host needs, or the message of what went wrong; a promise
 * would hand objects of either realm to the other.
 */
export function start(
  host: HostFunctions,
  factory: Factory,
  options: BootOptions,
  ready: (realm: Realm | string) => void,
): void {
  const fire = defineGlobals(host);
  bootPyodide(host, factory, options).then(
    ({ interpreter, watch }) => {
      ready({
        fire,
        port: openPort(interpreter, watch),
        freeze: freezeIntrinsics,
        snapshotTables: () => snapshotTables(interpreter),
      });
    },
    (error: unknown) => {
      ready(messageOf(error));
    },
  );
}
