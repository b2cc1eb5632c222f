/** Build step: packs the guest's Python files and the `pic` package into dist/guest.json. */

import { renameSync, writeFileSync } from "node:fs";

import { collectGuestFiles } from "./guest-files.js";
import { paths } from "./paths.js";

const temporary = `${paths.guestBundle}.${String(process.pid)}.tmp`;
writeFileSync(temporary, JSON.stringify(collectGuestFiles()));
renameSync(temporary, paths.guestBundle);
