import { useState, type SyntheticEvent } from "react";
import { Mark } from "./mark";
import { logIn } from "./session";

/** The form for who has no session. */
export function SignIn({ onDone }: { readonly onDone: (email: string) => void }) {
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: SyntheticEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setFault(null);
    try {
      onDone(await logIn(String(form.get("email")), String(form.get("password"))));
    } catch (error) {
      setFault(error instanceof Error ? error.message : "The log-in failed.");
      setBusy(false);
    }
  }

  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)} aria-labelledby="sign-in-title">
        <Mark />
        <h1 id="sign-in-title">PiCloud playground</h1>
        <p className="hint">Ask the API, deploy a script, follow its log.</p>
        <label>
          E-mail
          <input name="email" type="text" inputMode="email" autoComplete="username" required autoFocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <p className="fault" role="alert">
          {fault}
        </p>
        <button type="submit" disabled={busy}>
          {busy ? "Logging in…" : "Log in"}
        </button>
        <p className="hint small">
          The first start of <code>./picloud up</code> shows the owner’s log-in.
        </p>
      </form>
    </main>
  );
}
