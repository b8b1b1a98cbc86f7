// The studio's page: htmx swaps #app, the editor stays. Each module owns one thing that HTML can't do alone.
import "./page.js";
import "./editor.js";
import "./keys.js";
import "./drag.js";
import "./reorder.js";
import "./paste_grid.js";
import "./progress.js";
import "./grid.js";
import "./upload.js";
