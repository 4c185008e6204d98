// The last net: a page that broke says so, and that the room did not.
import { Component, type ReactNode } from "react";
import { Empty } from "./Empty";

export class ErrorBoundary extends Component<{ children: ReactNode }, { broke: boolean }> {
  override state = { broke: false };

  static getDerivedStateFromError() {
    return { broke: true };
  }

  override render() {
    if (!this.state.broke) return this.props.children;
    const again = (
      <button className="btn btn--go" onClick={() => location.reload()}>
        Load it again
      </button>
    );
    return (
      <main className="page">
        <Empty title="This page stopped." action={again}>
          The room itself is safe: it lives on the host, with every move that was answered.
        </Empty>
      </main>
    );
  }
}
