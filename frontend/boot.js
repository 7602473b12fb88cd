// Starts the app. A file of its own, since the page allows no script inside it.
import start from "./app.js";

const wasm = document.getElementById("app-wasm").href;
start({ module_or_path: wasm }).catch((error) => {
  console.error(error);
  document.body.classList.add("crashed");
});
