import "./workers";
import "graphiql/style.css";
import "./style.css";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { Playground } from "./playground";
import { logOut, viewer } from "./session";
import { SignIn } from "./sign-in";

type Who =
  | { readonly state: "asking" }
  | { readonly state: "nobody" }
  | { readonly state: "somebody"; readonly email: string }
  | { readonly state: "unreachable"; readonly reason: string };

function App() {
  const [who, setWho] = useState<Who>({ state: "asking" });

  // Ask the platform once who the cookie belongs to.
  useEffect(() => {
    viewer().then(
      (email) => setWho(email === null ? { state: "nobody" } : { state: "somebody", email }),
      (error: unknown) => setWho({ state: "unreachable", reason: String(error) }),
    );
  }, []);

  switch (who.state) {
    case "asking":
      return <p className="notice">…</p>;
    case "nobody":
      return <SignIn onDone={(email) => setWho({ state: "somebody", email })} />;
    case "unreachable":
      return (
        <p className="notice" role="alert">
          The platform does not answer: {who.reason}
        </p>
      );
    case "somebody":
      return (
        <Playground
          email={who.email}
          onLogOut={() => void logOut().finally(() => setWho({ state: "nobody" }))}
        />
      );
  }
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
