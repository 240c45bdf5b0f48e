// Entry module placed in front of a server for the storage counts. It is not
// run by node: storage.mjs hands its text to Miniflare beside the server's own
// modules, with the server's entry in place of "./index.js".
//
// It gives the server an environment whose storage bindings count each call,
// and answers DELETE /__count with the counts since the last time.

import * as workers from "cloudflare:workers";
import inner from "./index.js";

export * from "./index.js";

const COUNTED = {
  KvNamespace: ["get", "getWithMetadata", "put", "delete", "list"],
  R2Bucket: ["head", "get", "put", "delete", "list", "createMultipartUpload", "resumeMultipartUpload"],
  R2MultipartUpload: ["uploadPart", "complete", "abort"],
  Cache: ["match", "put", "delete"],
};

let counts = {};

function count(name) {
  counts[name] = (counts[name] ?? 0) + 1;
}

// Platform objects refuse a foreign `this`, so methods run on the real object.
// Everything else, `constructor` included, passes through: bindings are told
// apart by the name of their class.
function wrapped(target, methods) {
  return new Proxy(target, {
    get(object, property) {
      const value = Reflect.get(object, property, object);
      if (typeof value !== "function" || property === "constructor") {
        return value;
      }
      const replacement = methods[property];
      if (replacement) {
        return (...args) => replacement(object, args);
      }
      return value.bind(object);
    },
  });
}

function counting(label, methods, wrapResult = (result) => result) {
  return Object.fromEntries(
    methods.map((method) => [
      method,
      (object, args) => {
        count(`${label}.${method}`);
        return wrapResult(object[method](...args));
      },
    ]),
  );
}

// A stub costs nothing until it is called; then `fetch` and any RPC method is
// one request to the object.
function wrapStub(label, stub) {
  const local = new Set(["id", "name", "constructor", "then", "dup"]);
  return new Proxy(stub, {
    get(object, property) {
      const value = Reflect.get(object, property, object);
      if (typeof value !== "function" || typeof property === "symbol" || local.has(property)) {
        return value;
      }
      return (...args) => {
        count(`${label} stub.${property}`);
        return object[property](...args);
      };
    },
  });
}

function wrapNamespace(label, namespace) {
  const stubFrom = (method) => (object, args) => wrapStub(label, object[method](...args));
  return wrapped(namespace, {
    get: stubFrom("get"),
    getByName: stubFrom("getByName"),
    getExisting: stubFrom("getExisting"),
    jurisdiction: (object, args) => wrapNamespace(label, object.jurisdiction(...args)),
  });
}

function wrapMultipart(label) {
  const wrapUpload = (upload) => wrapped(upload, counting(`${label} upload`, COUNTED.R2MultipartUpload));
  return (result) => (result instanceof Promise ? result.then(wrapUpload) : wrapUpload(result));
}

function wrapBinding(name, binding) {
  const type = binding?.constructor?.name;
  if (type === "KvNamespace") {
    return wrapped(binding, counting(`KV ${name}`, COUNTED.KvNamespace));
  }
  if (type === "R2Bucket") {
    const label = `R2 ${name}`;
    const plain = COUNTED.R2Bucket.filter((method) => !method.endsWith("MultipartUpload"));
    const multipart = COUNTED.R2Bucket.filter((method) => method.endsWith("MultipartUpload"));
    return wrapped(binding, { ...counting(label, plain), ...counting(label, multipart, wrapMultipart(label)) });
  }
  if (type === "DurableObjectNamespace") {
    return wrapNamespace(`DO ${name}`, binding);
  }
  return binding;
}

const environments = new WeakMap();

function wrapEnvironment(env) {
  let replacement = environments.get(env);
  if (!replacement) {
    replacement = Object.fromEntries(Object.entries(env).map(([name, binding]) => [name, wrapBinding(name, binding)]));
    environments.set(env, replacement);
  }
  return replacement;
}

// The Cache API and outgoing requests are not bindings, but a read-only call
// that leans on them is not free of I/O either.
for (const method of COUNTED.Cache) {
  const original = Cache.prototype[method];
  Cache.prototype[method] = function counted(...args) {
    count(`cache.${method}`);
    return original.apply(this, args);
  };
}
const originalFetch = globalThis.fetch;
globalThis.fetch = (...args) => {
  count("fetch");
  return originalFetch(...args);
};

function answerCount() {
  const since = counts;
  counts = {};
  return Response.json(since);
}

const isCount = (request) => request.method === "DELETE" && new URL(request.url).pathname === "/__count";

// The module-level `env` of cloudflare:workers is replaced as well, where the
// runtime lets it be.
function within(env, callback) {
  return workers.withEnv ? workers.withEnv(env, callback) : callback();
}

function wrapClass(Entry) {
  return class extends Entry {
    constructor(ctx, env) {
      super(ctx, wrapEnvironment(env));
    }

    fetch(request) {
      if (isCount(request)) {
        return answerCount();
      }
      return within(this.env, () => super.fetch(request));
    }
  };
}

function wrapHandler(handler) {
  return {
    ...handler,
    fetch(request, env, ctx) {
      if (isCount(request)) {
        return answerCount();
      }
      const replacement = wrapEnvironment(env);
      return within(replacement, () => handler.fetch(request, replacement, ctx));
    },
  };
}

export default typeof inner === "function" ? wrapClass(inner) : wrapHandler(inner);
