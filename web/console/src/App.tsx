// Which page an address means.
import { DormouseProvider } from "@dormouse/react";
import { Suspense } from "react";
import { APPS } from "./apps";
import HomePage from "./pages/home/HomePage";
import { NoPageForKind, PageNotFound, RoomNotFound } from "./pages/NoRoom";
import { parts, usePath } from "./router";
import { useSession } from "./session";
import { ErrorBoundary } from "./ui/ErrorBoundary";
import { Sprite } from "./ui/Sprite";
import { ToastProvider } from "./ui/Toast";

export function App() {
  const path = usePath();
  const { client } = useSession();
  return (
    <ToastProvider>
      <Sprite />
      {/* A page that broke is left by going elsewhere. */}
      <ErrorBoundary key={path}>
        <DormouseProvider client={client}>
          <Suspense>
            <Page path={path} />
          </Suspense>
        </DormouseProvider>
      </ErrorBoundary>
    </ToastProvider>
  );
}

function Page({ path }: { path: string }) {
  const [kind, id, ...rest] = parts(path);
  if (kind === undefined) return <HomePage />;
  const Lobby = APPS[kind]?.Lobby;
  if (id === undefined && Lobby) return <Lobby />;
  if (id === undefined || rest.length > 0) return <PageNotFound />;
  // The SDK refuses such an id with a TypeError, and rightly: it can be nobody's.
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) return <RoomNotFound />;
  const App = APPS[kind]?.Page;
  return App ? <App key={id} id={id} /> : <NoPageForKind kind={kind} />;
}
