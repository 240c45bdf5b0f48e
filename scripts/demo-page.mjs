// The page of scripts/demo: all four files in it, so that it can be opened from a folder or sent to somebody.

const escape = (text) => text.replace(/[&<>"]/g, (found) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[found]);
const dataUrl = (mime, bytes) => `data:${mime};base64,${bytes.toString("base64")}`;

const SHOWN = {
  image: ({ mime, bytes }) => `<img alt="picture" src="${dataUrl(mime, bytes)}">`,
  video: ({ mime, bytes, preview }) =>
    `<video controls loop muted autoplay poster="${dataUrl("image/jpeg", preview)}" src="${dataUrl(mime, bytes)}"></video>`,
  audio: ({ mime, bytes, preview }) =>
    `<img alt="waveform" src="${dataUrl("image/jpeg", preview)}"><audio controls src="${dataUrl(mime, bytes)}"></audio>`,
  three_d: ({ bytes, preview }) =>
    `<canvas width="640" height="640" data-glb="${bytes.toString("base64")}" style="background-image:url(${dataUrl("image/jpeg", preview)})"></canvas>`,
};

export function page(prompt, made) {
  const figures = made.map((one) => {
    const name = one.file.split(/[\\/]/).at(-1);
    const words = `${one.modality} by ${one.model}, ${one.price} Creative Units: <a href="${name}">${name}</a>`;
    return `<figure>${SHOWN[one.modality](one)}<figcaption>${words}</figcaption></figure>`;
  });
  const note = made.some((one) => one.placeholder) ? "Placeholders of the embedded offline provider, drawn without AI." : "";
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(prompt)}</title>
<style>
  body { font: 16px system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; background: #16181d; color: #e8e8e8 }
  main { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.5rem }
  figure { margin: 0; background: #22252c; border-radius: 8px; overflow: hidden }
  img, video, canvas { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: #000 center / contain no-repeat }
  audio { width: 100% }
  figcaption { padding: .75rem 1rem }
  a { color: #8ab4f8 }
</style>
<h1>${escape(prompt)}</h1>
<p>${note}</p>
<main>
${figures.join("\n")}
</main>
<script>${viewer.toString()}
for (const canvas of document.querySelectorAll("canvas[data-glb]")) viewer(canvas);
</script>
</html>
`;
}

/// Runs in the page: turns the object in a GLB of one coloured mesh. Where WebGL is missing the preview stays.
function viewer(canvas) {
  const gl = canvas.getContext("webgl");
  if (!gl || !gl.getExtension("OES_element_index_uint")) return;
  const bytes = Uint8Array.from(atob(canvas.dataset.glb), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const jsonLength = view.getUint32(12, true);
  const gltf = JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + jsonLength)));
  const binary = 28 + jsonLength;
  const arrays = { 5120: Int8Array, 5121: Uint8Array, 5122: Int16Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
  const sizes = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 };

  // The numbers of an accessor, without the gaps that interleaving leaves.
  function read(index) {
    const accessor = gltf.accessors[index];
    const part = gltf.bufferViews[accessor.bufferView];
    const Type = arrays[accessor.componentType];
    const size = sizes[accessor.type];
    const step = part.byteStride ?? size * Type.BYTES_PER_ELEMENT;
    const from = binary + (part.byteOffset ?? 0) + (accessor.byteOffset ?? 0);
    const numbers = new Type(accessor.count * size);
    for (let at = 0; at < accessor.count; at += 1) {
      numbers.set(new Type(bytes.slice(from + at * step, from + at * step + size * Type.BYTES_PER_ELEMENT).buffer), at * size);
    }
    const scale = accessor.normalized ? 2 ** (8 * Type.BYTES_PER_ELEMENT) - 1 : 1;
    return { size, numbers, floats: Float32Array.from(numbers, (number) => number / scale) };
  }

  const parts = gltf.meshes.flatMap((mesh) => mesh.primitives).map((primitive) => {
    const position = read(primitive.attributes.POSITION);
    const normal = read(primitive.attributes.NORMAL);
    const given = primitive.attributes.COLOR_0 === undefined ? undefined : read(primitive.attributes.COLOR_0);
    const base = gltf.materials?.[primitive.material]?.pbrMetallicRoughness?.baseColorFactor ?? [0.8, 0.8, 0.8, 1];
    const color = new Float32Array(position.floats.length);
    for (let at = 0; at < color.length; at += 1) {
      const tint = given ? given.floats[Math.floor(at / 3) * given.size + (at % 3)] : 1;
      color[at] = tint * base[at % 3];
    }
    return { position: position.floats, normal: normal.floats, color, index: Uint32Array.from(read(primitive.indices).numbers) };
  });

  const least = [Infinity, Infinity, Infinity];
  const most = [-Infinity, -Infinity, -Infinity];
  for (const { position } of parts) {
    for (let at = 0; at < position.length; at += 1) {
      least[at % 3] = Math.min(least[at % 3], position[at]);
      most[at % 3] = Math.max(most[at % 3], position[at]);
    }
  }
  const centre = least.map((low, axis) => (low + most[axis]) / 2);
  const radius = Math.hypot(...least.map((low, axis) => most[axis] - low)) / 2;

  const vertex = `attribute vec3 position, normal, color; uniform vec3 centre; uniform float radius, turn; varying vec3 shade;
    vec3 spun(vec3 v) {
      vec3 w = vec3(cos(turn) * v.x + sin(turn) * v.z, v.y, cos(turn) * v.z - sin(turn) * v.x);
      return vec3(w.x, 0.94 * w.y - 0.34 * w.z, 0.34 * w.y + 0.94 * w.z);
    }
    void main() {
      vec3 place = spun((position - centre) / radius);
      float light = 0.35 + 0.65 * max(0.0, dot(normalize(spun(normal)), normalize(vec3(0.4, 0.8, 0.7))));
      shade = pow(color, vec3(0.4545)) * light;
      gl_Position = vec4(place.xy * 0.95, -place.z * 0.5, 1.0 - place.z * 0.15);
    }`;
  const fragment = "precision mediump float; varying vec3 shade; void main() { gl_FragColor = vec4(shade, 1.0); }";
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  gl.clearColor(0.09, 0.1, 0.12, 1);
  gl.uniform3fv(gl.getUniformLocation(program, "centre"), centre);
  gl.uniform1f(gl.getUniformLocation(program, "radius"), radius);

  function buffer(kind, numbers) {
    const made = gl.createBuffer();
    gl.bindBuffer(kind, made);
    gl.bufferData(kind, numbers, gl.STATIC_DRAW);
    return made;
  }
  for (const part of parts) {
    part.buffers = ["position", "normal", "color"].map((name) => [gl.getAttribLocation(program, name), buffer(gl.ARRAY_BUFFER, part[name])]);
    part.indices = buffer(gl.ELEMENT_ARRAY_BUFFER, part.index);
  }
  function draw(millis) {
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniform1f(gl.getUniformLocation(program, "turn"), millis / 2000);
    for (const part of parts) {
      for (const [place, data] of part.buffers) {
        gl.bindBuffer(gl.ARRAY_BUFFER, data);
        gl.enableVertexAttribArray(place);
        gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, part.indices);
      gl.drawElements(gl.TRIANGLES, part.index.length, gl.UNSIGNED_INT, 0);
    }
    requestAnimationFrame(draw);
  }
  requestAnimationFrame(draw);
}
