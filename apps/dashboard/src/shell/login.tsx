import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useAction } from "../client/use-operation.ts";
import { ProblemNote } from "../elements/answer.tsx";
import { Field } from "../elements/field.tsx";
import { Logo } from "./logo.tsx";

/** Shown in place of every page while nobody is signed in; afterwards the page that was asked for is there. */
export function Login() {
  const client = useQueryClient();
  const login = useAction("login");
  const [key, setKey] = useState("");
  const wasSignedIn = client.getQueryCache().findAll().length > 1;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate({ body: { key: key.trim() } });
  };
  return (
    <main className="alone">
      <title>Sign in · Penstock</title>
      <form className="panel login" onSubmit={submit}>
        <Logo />
        <h1>Sign in</h1>
        {wasSignedIn && (
          <p role="status">Your session has ended, or its key holds no more. Sign in to go on where you were.</p>
        )}
        <Field name="API key" hint="Made by: ./penstock keys create NAME --scope read">
          <input
            type="password"
            autoComplete="current-password"
            required
            value={key}
            onChange={({ target }) => setKey(target.value)}
          />
        </Field>
        {login.isError && <ProblemNote error={login.error} />}
        <button type="submit" className="primary" disabled={login.isPending}>
          Sign in
        </button>
      </form>
    </main>
  );
}
