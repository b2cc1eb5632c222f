/**
 * The one way from the realm to functions of the host. A single object of the host's in the hands
 * of a script would give it the host's own realm, so only primitives pass: what a function
 * returns is dropped if it is anything else, and what it throws is made anew in here.
 */

const { apply } = Reflect;
const text = String;
const FreshError = Error;

/** Wraps a function of the host. Its arguments may be primitives and fresh typed arrays. */
export function hostCall<A extends readonly unknown[], R>(
  call: (...args: A) => R,
): (...args: A) => R {
  return (...args) => {
    let result: R;
    try {
      result = apply<undefined, A, R>(call, undefined, args);
    } catch (error) {
      throw new FreshError(messageOf(error));
    }
    return isPrimitive(result) ? result : (undefined as R);
  };
}

/** `hostCall` for the clock, which is read several times in every invocation. */
export function hostClock(clock: () => number): () => number {
  return () => {
    try {
      return clock();
    } catch {
      throw new FreshError("the clock can't be read");
    }
  };
}

/** The message of whatever was thrown, whoever threw it. */
export function messageOf(error: unknown): string {
  try {
    const { message } = error as { readonly message?: unknown };
    return text(message ?? error);
  } catch {
    return "an error that can't be shown";
  }
}

function isPrimitive(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function");
}
