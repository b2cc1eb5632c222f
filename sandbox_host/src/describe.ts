/** Errors as text. Pyodide's code is one line of a megabyte, which must not get into a log. */

const LONGEST = 4000;

export function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} ...` : text;
}

/**
 * Ends the process on what nobody has caught, in one short line. A promise that a script has
 * rejected is its own affair: it comes from another realm, and is not looked at.
 */
export function endOnUncaught(status: number): void {
  const end = (error: unknown): void => {
    process.stderr.write(`uncaught: ${describe(error)}\n`);
    process.exit(status);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", (reason) => {
    if (reason instanceof Error) {
      end(reason);
    }
  });
}
