/** Gives back what booting left behind; a blank sandbox may wait long for its script. */

import { runInNewContext } from "node:vm";

import { v8 } from "./builtins.js";

export function collectGarbage(): void {
  const { setFlagsFromString } = v8();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  collect();
}
