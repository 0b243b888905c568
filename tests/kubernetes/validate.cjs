// Holds Kubernetes objects against the API's published schemas. Reads a JSON array of objects from standard input,
// prints a JSON array of what is wrong with each: an empty list when nothing is.
"use strict";
const fs = require("fs");

// The checkers are compiled and pass over fields that they do not know: a field that they never read is unknown.
function watched(value, path, read) {
  if (value === null || typeof value !== "object") return value;
  return new Proxy(value, {
    get(target, key) {
      const name = `${path}/${String(key)}`;
      read.add(name);
      return watched(target[key], name, read);
    },
  });
}

function unread(value, path, read) {
  if (value === null || typeof value !== "object") return [];
  return Object.keys(value).flatMap((key) => {
    const name = `${path}/${key}`;
    return read.has(name) ? unread(value[key], name, read) : [`${name} is no field`];
  });
}

function faults(object) {
  let Model;
  try {
    Model = require(`kubernetes-models/${object.apiVersion}`)[object.kind];
  } catch (error) {
    Model = undefined;
  }
  if (!Model) return [`no kind ${object.kind} in ${object.apiVersion}`];

  const read = new Set(["/apiVersion", "/kind"]);
  const model = new Model(object);
  for (const key of Object.keys(object)) {
    Object.defineProperty(model, key, {
      get() {
        read.add(`/${key}`);
        return watched(object[key], `/${key}`, read);
      },
    });
  }
  try {
    model.validate();
  } catch (error) {
    return [error.message];
  }
  return unread(object, "", read);
}

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(faults)));
