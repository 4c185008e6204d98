import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./ui/tokens.css";
import "./ui/kit.css";
import "./ui/ui.css";
import { App } from "./App";
import { applyTheme } from "./ui/theme";

applyTheme();
const root = document.createElement("div");
root.id = "root";
document.body.append(root);
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
