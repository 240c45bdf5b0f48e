// What would be uploaded: each module raw and as `gzip -9` would leave it.

import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { PEERS } from "./config.mjs";

export function sizeSection({ specs, emit }) {
  for (const [target, spec] of Object.entries(specs)) {
    for (const module of spec.modules) {
      const bytes = fs.readFileSync(module.path);
      let part = "worker";
      if (module.type === "CompiledWasm") {
        part = "Wasm";
      } else if (target in PEERS) {
        part = "bundle";
      } else if (target === "ours") {
        part = "JavaScript glue";
      }
      emit({
        kind: "size",
        target,
        part,
        file: path.basename(module.path),
        raw_bytes: bytes.length,
        gzip_bytes: gzipSync(bytes, { level: 9 }).length,
      });
    }
  }
}
