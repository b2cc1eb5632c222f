// Who is logged in. The browser holds the session in a cookie that scripts can't read.
export const ENDPOINT = "/graphql";

interface Answer<T> {
  readonly data?: T | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { code?: string } }[];
}

type LogIn =
  | { readonly __typename: "SessionCreateSuccess"; readonly user: { readonly email: string } }
  | { readonly __typename: string; readonly message: string };

async function ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<Answer<T>> {
  const response = await fetch(ENDPOINT, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    credentials: "same-origin",
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer<T>;
}

/** The address of who is logged in, null for nobody. */
export async function viewer(): Promise<string | null> {
  const answer = await ask<{ viewer: { user: { email: string } } }>("{ viewer { user { email } } }");
  if (answer.data) return answer.data.viewer.user.email;
  const [error] = answer.errors ?? [];
  if (error?.extensions?.code === "unauthenticated") return null;
  throw new Error(error?.message ?? "The platform gave no answer.");
}

/** Log in; throws what the platform says against it. */
export async function logIn(email: string, password: string): Promise<string> {
  const answer = await ask<{ sessionCreate: LogIn }>(
    `mutation LogIn($input: SessionCreateInput!) {
      sessionCreate(input: $input) {
        __typename
        ... on SessionCreateSuccess { user { email } }
        ... on Error { message }
      }
    }`,
    { input: { email, password } },
  );
  const payload = answer.data?.sessionCreate;
  if (payload && "user" in payload) return payload.user.email;
  throw new Error(payload?.message ?? answer.errors?.[0]?.message ?? "The log-in failed.");
}

/** Log out. */
export async function logOut(): Promise<void> {
  await ask("mutation { sessionDelete { endedAt } }");
}
