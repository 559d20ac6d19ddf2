import { Component, type ReactNode } from "react";
import { ProblemNote } from "../elements/answer.tsx";

/** Shows what a page threw in its place. React has no form of this but a class. */
export class PageBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    return this.state.error === null ? this.props.children : <ProblemNote error={this.state.error} />;
  }
}
