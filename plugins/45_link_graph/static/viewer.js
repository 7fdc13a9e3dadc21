// The picture: a graph whose places are given, drawn with WebGL2.
// Links glow in a picture of their own that is made piece by piece when the view rests, and moves along while it does not:
// so a million of them cost a rest, never a frame.
'use strict';
{
  const $ = (s, r = document) => r.querySelector(s), id = s => document.getElementById(s);
  const base = document.body.dataset.base;
  const make = (tag, more = {}, ...inside) => {
    const e = Object.assign(document.createElement(tag), more);
    e.append(...inside);
    return e;
  };
  const scene = id('scene'), over = id('over'), pen = over.getContext('2d'), tip = id('tip');
  const phase = id('phase');
  const gl = scene.getContext('webgl2', {
    antialias: false,
    alpha: false,
    preserveDrawingBuffer: false,
    powerPreference: 'high-performance',
  });
  const began = performance.now();
  const picture = (window.picture = { stats: { frames: [], pieces: [] }, ready: false });
  const number = n => n.toLocaleString('en');
  const css = name => {
    const d = make('i');
    d.style.color = `var(${name})`;
    document.body.append(d);
    const c = getComputedStyle(d)
      .color.match(/[\d.]+/g)
      .map(Number);
    d.remove();
    return c.slice(0, 3).map(v => v / 255);
  };
  const trouble = said => {
    phase.textContent = said;
    phase.hidden = false;
  };

  async function ask(path, more) {
    const r = await fetch(base + path, more);
    if (!r.ok) {
      const e = await r.json().catch(() => ({}));
      throw Error(e.error || `the answer was ${r.status}`);
    }
    return r;
  }

  // ---- the graph as arrays

  let g, head, index = new Map();
  let view = { x: 0, y: 0, scale: 1 }, home = view, links = 'backbone';
  let chosen = -1, marked = -1, hovered = -1, lit = null, lasso = null;
  const types = { u4: Uint32Array, f4: Float32Array, i2: Int16Array, u1: Uint8Array };
  function unpack(buffer) {
    const size = new DataView(buffer).getUint32(8, true);
    head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 12, size)));
    let at = 12 + size;
    g = {};
    for (const [name, type, n] of head.arrays) {
      g[name] = new types[type](buffer, at, n);
      at += Math.ceil(g[name].byteLength / 4) * 4;
    }
    g.n = head.pages;
    g.id.forEach((v, i) => index.set(v, i));
  }

  // ---- drawing

  const compile = (vertex, fragment) => {
    const p = gl.createProgram();
    for (const [kind, code] of [
      [gl.VERTEX_SHADER, vertex],
      [gl.FRAGMENT_SHADER, fragment],
    ]) {
      const s = gl.createShader(kind);
      gl.shaderSource(s, '#version 300 es\nprecision highp float;\n' + code);
      gl.compileShader(s);
      if (!gl.getShaderParameter(s, gl.COMPILE_STATUS)) throw Error(gl.getShaderInfoLog(s));
      gl.attachShader(p, s);
    }
    ['at', 'size', 'colour'].forEach((a, i) => gl.bindAttribLocation(p, i, a));
    gl.linkProgram(p);
    if (!gl.getProgramParameter(p, gl.LINK_STATUS)) throw Error(gl.getProgramInfoLog(p));
    const u = {};
    for (let i = 0; i < gl.getProgramParameter(p, gl.ACTIVE_UNIFORMS); i++) {
      const n = gl.getActiveUniform(p, i).name;
      u[n] = gl.getUniformLocation(p, n);
    }
    return { p, u };
  };
  const place = 'uniform vec3 view; uniform vec2 half_; vec4 placed(vec2 at){ return vec4((at - view.xy) * view.z / half_, 0., 1.); }\n';
  let lines, points, tint, sheet, vao, buffers = {};
  let light, seen, mode, dpr = 1, dark = true, tones;
  function setup() {
    const float = gl.getExtension('EXT_color_buffer_float') || gl.getExtension('EXT_color_buffer_half_float');
    picture.stats.float = !!float;
    lines = compile(
      place +
        'in vec2 at; in vec4 colour; in float size; out float bad; void main(){ gl_Position = placed(at); bad = colour.a < .5 ? 1. : 0.; }',
      'in float bad; uniform float weight; out vec4 o; void main(){ o = vec4(weight * (1. - bad), weight * bad, 0., 1.); }',
    );
    points = compile(
      place +
        `in vec2 at; in float size; in vec4 colour; uniform float unit, pale; out vec4 c; out float r; void main(){ gl_Position = placed(at); r = max(.75, size * unit); gl_PointSize = r * 2. + 2.; float dim = fract(colour.a * 2.) < .01 ? 1. : .13; c = vec4(colour.rgb, dim * pale); }`,
      'in vec4 c; in float r; out vec4 o; void main(){ float far = length(gl_PointCoord - .5) * (r * 2. + 2.); float a = clamp(r + .5 - far, 0., 1.) * c.a; if (a <= 0.) discard; o = vec4(c.rgb * a, a); }',
    );
    const corners =
      'uniform vec4 moved; out vec2 uv; void main(){ vec2 p = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2. - 1.; uv = (p * moved.zw + moved.xy) * .5 + .5; gl_Position = vec4(p, 0., 1.); }';
    tint = compile(
      corners,
      `in vec2 uv; uniform sampler2D film; uniform float gain, dark; uniform vec3 paper, bone, wrong; out vec4 o;
     void main(){ vec2 t = texture(film, uv).rg * gain; if (t.x + t.y <= 0.) { o = vec4(paper, 1.); return; } float l = log(1. + t.x * 9.) / 4.2, w = clamp(log(1. + t.y * 26.) / 3.2, 0., 1.);
       vec3 c; if (dark > .5) { vec3 a = mix(vec3(0.), vec3(.10,.24,.33), clamp(l / .45, 0., 1.)); a = mix(a, vec3(.42,.60,.67), clamp((l - .45) / .4, 0., 1.)); a = mix(a, bone, clamp((l - .85) / .5, 0., 1.)); c = paper + a; }
       else c = mix(paper, bone, clamp(l * .62, 0., .85));
       o = vec4(mix(c, wrong, w * .8), 1.); }`,
    );
    sheet = compile(
      corners,
      'in vec2 uv; uniform sampler2D film; uniform vec3 paper; out vec4 o; void main(){ vec2 d = abs(uv - .5); o = max(d.x, d.y) > .5 ? vec4(paper, 1.) : texture(film, uv); }',
    );
    vao = gl.createVertexArray();
    gl.bindVertexArray(vao);
    const fill = (name, at, n, data, type, norm) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, (buffers[name] = gl.createBuffer()));
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, n, type, norm, 0, 0);
    };
    g.size = Float32Array.from(g.score, (s, i) => (1 + 2.6 * (s / 100) ** 2.2) * (g.how[i] ? 1.15 : 0.9));
    g.colour = new Uint8Array(g.n * 4);
    fill('at', 0, 2, g.xy, gl.FLOAT, false);
    fill('size', 1, 1, g.size, gl.FLOAT, false);
    fill('colour', 2, 4, g.colour, gl.UNSIGNED_BYTE, true);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, (buffers.edges = gl.createBuffer()));
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, g.edges, gl.STATIC_DRAW);
    // pages that are wrong are drawn last, on top
    g.order = Uint32Array.from({ length: g.n }, (_, i) => i).sort((a, b) => (g.how[a] > 0) - (g.how[b] > 0) || g.score[a] - g.score[b]);
    buffers.order = gl.createBuffer();
    // how many links go through each pixel, and how many of them to errors
    light = { texture: gl.createTexture(), frame: gl.createFramebuffer(), view: null };
    // the same as it is looked at
    seen = { texture: gl.createTexture(), frame: gl.createFramebuffer(), fresh: false };
    mode = float ? [gl.RGBA16F, gl.RGBA, gl.HALF_FLOAT] : [gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE];
  }
  function themed() {
    dark = css('--film').reduce((a, b) => a + b) < 1.5;
    tones = {
      paper: css('--film'),
      bone: dark ? [0.86, 0.92, 0.93] : [0.09, 0.3, 0.4],
      wrong: css('--g-error'),
      ink: css('--film-ink'),
      moved: css('--g-moved'),
      ways: ['--g-ok', '--g-moved', '--g-error', '--g-silent', '--g-unasked'].map(css),
    };
    if (seen) seen.fresh = false;
    paint();
    again();
  }

  let colouring = { kind: 'how' };
  const ramp = t => {
    const stops = dark
      ? [
          [0.24, 0.22, 0.55],
          [0.13, 0.55, 0.58],
          [0.45, 0.8, 0.4],
          [0.98, 0.9, 0.3],
        ]
      : [
          [0.75, 0.82, 0.35],
          [0.25, 0.66, 0.52],
          [0.14, 0.42, 0.6],
          [0.25, 0.1, 0.4],
        ];
    const k = Math.min(2, Math.floor(t * 3)), f = t * 3 - k;
    return stops[k].map((v, i) => v + (stops[k + 1][i] - v) * f);
  };
  const hues = () =>
    dark
      ? ['#7cc4e8', '#f0be5c', '#9adf8f', '#e88fc0', '#b9a3f5', '#f08f6a', '#6fd6c8', '#d6d36a', '#a9b6c2', '#e0a0a0', '#5d6873']
      : ['#1f77b0', '#b26b00', '#3c8a2f', '#b23a7c', '#6a4fc4', '#c2482a', '#13857a', '#7d7a10', '#5b6670', '#9a4f4f', '#a7afb6'];
  const rgb = h => [1, 3, 5].map(i => parseInt(h.slice(i, i + 2), 16) / 255);
  function paint() {
    // colours of the pages; the last byte says two things at once: is it an error (below one half), is it pale
    if (!g?.colour) return;
    const c = colouring, hue = hues().map(rgb);
    let tone = i => (c.at[i] < 0 ? tones.ways[4] : ramp(c.at[i]));
    if (c.kind === 'how') tone = i => tones.ways[g.how[i]];
    if (c.kind === 'words') tone = i => hue[c.values[i]];
    for (let i = 0; i < g.n; i++) {
      const [r, gr, b] = tone(i), pale = lit && !lit.has(i);
      g.colour.set([r * 255, gr * 255, b * 255, (g.how[i] === 2 ? 0 : 128) + (pale ? 60 : 0)], i * 4);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers.colour);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, g.colour);
  }

  function sized() {
    dpr = Math.min(2, devicePixelRatio || 1);
    const w = Math.max(1, Math.round(scene.clientWidth * dpr));
    const h = Math.max(1, Math.round(scene.clientHeight * dpr));
    if (scene.width === w && scene.height === h) return;
    for (const c of [scene, over]) {
      c.width = w;
      c.height = h;
    }
    for (const [film, [inside, format, type]] of [
      [light, mode],
      [seen, [gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE]],
    ]) {
      gl.bindTexture(gl.TEXTURE_2D, film.texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, inside, w, h, 0, format, type, null);
      for (const k of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
        gl.texParameteri(gl.TEXTURE_2D, k, film === seen ? gl.LINEAR : gl.NEAREST);
      for (const k of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, k, gl.CLAMP_TO_EDGE);
      gl.bindFramebuffer(gl.FRAMEBUFFER, film.frame);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, film.texture, 0);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    light.view = null;
  }
  const uniforms = prog => {
    gl.useProgram(prog.p);
    gl.uniform3f(prog.u.view, view.x, view.y, view.scale);
    gl.uniform2f(prog.u.half_, scene.width / 2, scene.height / 2);
  };
  const classes = () => head.classes.filter(([, , , wide]) => links === 'all' || (links === 'backbone' && !wide));

  let share = 1; // how much of the links is in the film, 0 to 1
  let resting, queued = false, moving = 0;
  const many = () => classes().reduce((s, c) => s + c[1], 0);
  function rest() {
    clearTimeout(resting);
    resting = setTimeout(
      () => {
        share = 0;
        again();
      },
      moving ? 140 : 0,
    );
  }
  picture.budget = 20_000;
  const wait4 = new Float32Array(4), wait1 = new Uint8Array(4);
  // until all is drawn: gl.finish does not wait
  const waited = () =>
    mode[0] === gl.RGBA16F
      ? gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.FLOAT, wait4)
      : gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, wait1);
  // a piece of the links into their film: each class in the same share, so that what is there is always a fair sample
  function glow() {
    gl.bindFramebuffer(gl.FRAMEBUFFER, light.frame);
    gl.viewport(0, 0, scene.width, scene.height);
    if (!share) {
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      light.view = { ...view };
    }
    gl.bindVertexArray(vao);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.edges);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE);
    uniforms(lines);
    waited();
    const start = performance.now();
    do {
      const t = performance.now();
      const next = Math.min(1, share + picture.budget / Math.max(1, many()));
      for (const [first, count, weight] of classes()) {
        const a = Math.floor(count * share), b = Math.floor(count * next);
        gl.uniform1f(lines.u.weight, weight);
        if (b > a) gl.drawElements(gl.LINES, (b - a) * 2, gl.UNSIGNED_INT, (first + a) * 8);
      }
      waited();
      const took = performance.now() - t; // a slow machine gets smaller pieces, a fast one larger ones
      share = next;
      picture.stats.pieces.push(took);
      picture.budget = Math.max(10_000, Math.min(2_000_000, picture.budget * Math.max(0.5, Math.min(2, 20 / Math.max(1, took)))));
    } while (share < 1 && performance.now() - start < 40);
    seen.fresh = false;
    if (share === 1) picture.stats.rested = performance.now() - began;
  }
  let working, shownAt = 0;
  function work() {
    // between frames, so that hands are never in its way; what is there is shown now and then
    clearTimeout(working);
    working = setTimeout(() => {
      if (share === 1 || moving || links === 'none') return;
      glow();
      if (share === 1 || performance.now() - shownAt > 350) again();
      else work();
    });
  }
  function tinted() {
    gl.bindFramebuffer(gl.FRAMEBUFFER, seen.frame);
    gl.viewport(0, 0, scene.width, scene.height);
    gl.disable(gl.BLEND);
    const near = Math.max(1, light.view.scale / home.scale);
    const crowd = classes().reduce((s, c) => s + c[1] * c[2], 0) / Math.max(1, (scene.width * scene.height) / 900);
    gl.useProgram(tint.p);
    gl.uniform4f(tint.u.moved, 0, 0, 1, 1);
    gl.uniform1f(tint.u.gain, (1.2 * Math.min(1.6, near ** 0.5)) / Math.max(0.35, crowd ** 0.45) / Math.max(0.1, share));
    gl.uniform1f(tint.u.dark, +dark);
    gl.uniform3fv(tint.u.paper, tones.paper);
    gl.uniform3fv(tint.u.bone, tones.bone);
    gl.uniform3fv(tint.u.wrong, tones.wrong);
    gl.bindTexture(gl.TEXTURE_2D, light.texture);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    seen.fresh = true;
  }

  function frame() {
    queued = false;
    if (!g) return;
    const t = (shownAt = performance.now());
    sized();
    if (light.view && links !== 'none' && !seen.fresh) tinted();
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, scene.width, scene.height);
    gl.disable(gl.BLEND);
    if (light.view && links !== 'none') {
      gl.useProgram(sheet.p);
      const k = light.view.scale / view.scale; // where the film of before lies in the view of now
      gl.uniform4f(
        sheet.u.moved,
        ((view.x - light.view.x) * light.view.scale * 2) / scene.width,
        ((view.y - light.view.y) * light.view.scale * 2) / scene.height,
        k,
        k,
      );
      gl.uniform3fv(sheet.u.paper, tones.paper);
      gl.bindTexture(gl.TEXTURE_2D, seen.texture);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    } else {
      gl.clearColor(...tones.paper, 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
    }
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    uniforms(points);
    const grown = Math.min(6, Math.max(1, view.scale / home.scale) ** 0.45);
    gl.uniform1f(points.u.unit, dpr * grown * (g.n > 20000 ? 0.62 : g.n > 8000 ? 0.9 : g.n > 1500 ? 1.5 : 2.3));
    gl.uniform1f(points.u.pale, g.n > 8000 && grown < 1.6 ? 0.5 : 0.95);
    gl.bindVertexArray(vao);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.order);
    gl.drawElements(gl.POINTS, g.n, gl.UNSIGNED_INT, 0);
    overlay();
    if (picture.exact) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, wait1); // only to measure
    picture.stats.frames.push(performance.now() - t);
    if (picture.stats.frames.length > 600) picture.stats.frames.shift();
    if (!picture.ready) {
      picture.ready = true;
      picture.stats.first = performance.now() - began;
      phase.hidden = true;
    }
    if (share < 1 && !moving) work();
  }
  const again = () => {
    if (!queued) {
      queued = true;
      requestAnimationFrame(frame);
    }
  };

  // ---- what stands over it: circles, names of parts, the chosen page and its links, the lasso

  const onto = (x, y) => [scene.width / 2 + (x - view.x) * view.scale, scene.height / 2 - (y - view.y) * view.scale];
  const back = (x, y) => [view.x + (x * dpr - scene.width / 2) / view.scale, view.y - (y * dpr - scene.height / 2) / view.scale];
  const rgba = (c, a = 1) => `rgb(${c.map(v => v * 255).join(' ')} / ${a})`;
  const circle = (x, y, r) => {
    pen.beginPath();
    pen.arc(x, y, r, 0, 7);
  };
  function overlay() {
    pen.clearRect(0, 0, over.width, over.height);
    const u = dpr, taken = [], said = getComputedStyle(document.body).fontFamily;
    const free = (x, y, w, h) => {
      const b = [x - w / 2 - 4 * u, y - h / 2, x + w / 2 + 4 * u, y + h / 2];
      if (taken.some(t => b[0] < t[2] && t[0] < b[2] && b[1] < t[3] && t[1] < b[3])) return false;
      taken.push(b);
      return true;
    };
    head.marks.forEach((m, i) => {
      const [x, y] = onto(m.x, m.y);
      const r = Math.max(m.radius * view.scale, 10 * u) + 6 * u;
      const tone = m.kind === 'star' ? tones.wrong : tones.moved;
      pen.strokeStyle = rgba(tone, marked < 0 || marked === i ? 0.95 : 0.35);
      pen.lineWidth = (marked === i ? 2.6 : 1.5) * u;
      circle(x, y, r);
      pen.stroke();
      const bx = x + r * 0.707, by = y - r * 0.707;
      pen.fillStyle = rgba(tone);
      circle(bx, by, 9 * u);
      pen.fill();
      taken.push([bx - 10 * u, by - 10 * u, bx + 10 * u, by + 10 * u]);
      pen.fillStyle = rgba(tones.paper);
      pen.font = `700 ${11 * u}px ${said}`;
      pen.textAlign = 'center';
      pen.textBaseline = 'middle';
      pen.fillText(i + 1, bx, by + 0.5 * u);
    });
    pen.font = `550 ${12.5 * u}px ${said}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    const name = (text, x, y) => {
      const w = pen.measureText(text).width;
      if (!free(x, y, w, 17 * u)) return;
      pen.lineWidth = 4 * u;
      pen.lineJoin = 'round';
      pen.strokeStyle = rgba(tones.paper, 0.82);
      pen.strokeText(text, x, y);
      pen.fillStyle = rgba(tones.ink);
      pen.fillText(text, x, y);
    };
    if (view.scale < home.scale * 12)
      for (const [text, x, y] of head.parts) if (!head.marks.some(m => Math.hypot(m.x - x, m.y - y) < m.radius)) name(text, ...onto(x, y));
    if (chosen >= 0) {
      const [x, y] = onto(g.xy[chosen * 2], g.xy[chosen * 2 + 1]);
      pen.lineWidth = 1.2 * u;
      for (const [ends, tone, a] of [
        [near.in, tones.moved, 0.5],
        [near.out, dark ? [0.6, 0.9, 1] : [0.05, 0.35, 0.55], 0.6],
      ]) {
        pen.strokeStyle = rgba(tone, ends.length > 400 ? a * 0.35 : a);
        pen.beginPath();
        for (const e of ends.slice(0, 4000)) {
          pen.moveTo(x, y);
          pen.lineTo(...onto(g.xy[e * 2], g.xy[e * 2 + 1]));
        }
        pen.stroke();
      }
      pen.strokeStyle = rgba(tones.ink);
      pen.lineWidth = 2 * u;
      circle(x, y, 9 * u);
      pen.stroke();
    }
    if (hovered >= 0 && hovered !== chosen) {
      const [x, y] = onto(g.xy[hovered * 2], g.xy[hovered * 2 + 1]);
      pen.strokeStyle = rgba(tones.ink, 0.8);
      pen.lineWidth = 1.5 * u;
      circle(x, y, 7 * u);
      pen.stroke();
    }
    if (lasso?.length > 1) {
      pen.beginPath();
      lasso.forEach(([x, y], i) => pen[i ? 'lineTo' : 'moveTo'](...onto(x, y)));
      pen.closePath();
      pen.fillStyle = rgba(tones.moved, 0.12);
      pen.fill();
      pen.strokeStyle = rgba(tones.moved);
      pen.lineWidth = 1.5 * u;
      pen.stroke();
    }
  }

  // ---- where one looks

  function look(x, y, scale) {
    view = { x, y, scale: Math.max(home.scale * 0.4, Math.min(home.scale * 400, scale)) };
    again();
  }
  function fit(xs, margin = 0.88, most = Infinity) {
    let [a, b, c, d] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const i of xs) {
      a = Math.min(a, g.xy[i * 2]);
      c = Math.max(c, g.xy[i * 2]);
      b = Math.min(b, g.xy[i * 2 + 1]);
      d = Math.max(d, g.xy[i * 2 + 1]);
    }
    return a === Infinity
      ? { x: 0, y: 0, scale: 1 }
      : {
          x: (a + c) / 2,
          y: (b + d) / 2,
          scale: Math.min(most, margin * Math.min(scene.width / Math.max(c - a, 3), scene.height / Math.max(d - b, 3))),
        };
  }
  const everyone = function* () {
    for (let i = 0; i < g.n; i++) yield i;
  };
  let flight = 0;
  function fly(to) {
    // there in a quarter of a second, or at once for who wants no motion
    const from = view, start = performance.now(), mine = ++flight;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (still) {
      look(to.x, to.y, to.scale);
      return rest();
    }
    moving++;
    const step = () => {
      if (mine !== flight) {
        moving = Math.max(0, moving - 1);
        return;
      }
      const t = Math.min(1, (performance.now() - start) / 260);
      const e = t * (2 - t), k = (to.scale / from.scale) ** e;
      const w = Math.abs(to.scale / from.scale - 1) < 1e-6 ? e : (1 - 1 / k) / (1 - from.scale / to.scale);
      look(from.x + (to.x - from.x) * w, from.y + (to.y - from.y) * w, from.scale * k);
      if (t < 1) requestAnimationFrame(step);
      else {
        moving = Math.max(0, moving - 1);
        rest();
      }
    };
    step();
  }
  function zoom(by, px, py) {
    flight++;
    const [x, y] = px === undefined ? [view.x, view.y] : back(px, py);
    const s = Math.max(home.scale * 0.4, Math.min(home.scale * 400, view.scale * by));
    const k = view.scale / s;
    look(x + (view.x - x) * k, y + (view.y - y) * k, s);
    restless();
  }
  let still;
  const restless = () => {
    if (!still) moving++;
    clearTimeout(still);
    still = setTimeout(() => {
      still = 0;
      moving = Math.max(0, moving - 1);
      rest();
    }, 130);
  };

  // ---- which page is meant: a grid of them, made once

  let grid, near = { in: [], out: [] };
  function sort() {
    const f = fit(everyone(), 1);
    const cell = Math.max(1e-6, Math.sqrt(Math.max(1, (scene.width / f.scale) * (scene.height / f.scale)) / Math.max(1, g.n)) * 2);
    const at = new Map();
    for (let i = 0; i < g.n; i++) {
      const k = Math.floor(g.xy[i * 2] / cell) + ',' + Math.floor(g.xy[i * 2 + 1] / cell);
      at.has(k) ? at.get(k).push(i) : at.set(k, [i]);
    }
    grid = { cell, at };
  }
  function nearest(x, y, reach) {
    if (!grid) sort();
    const { cell, at } = grid;
    let best = -1, far = reach * reach;
    const r = Math.min(40, Math.ceil(reach / cell)), cx = Math.floor(x / cell), cy = Math.floor(y / cell);
    for (let i = -r; i <= r; i++)
      for (let j = -r; j <= r; j++)
        for (const p of at.get(cx + i + ',' + (cy + j)) || []) {
          if (lit && !lit.has(p)) continue;
          const d = (g.xy[p * 2] - x) ** 2 + (g.xy[p * 2 + 1] - y) ** 2;
          if (d < far) {
            far = d;
            best = p;
          }
        }
    return best;
  }

  async function choose(i, go = false) {
    chosen = i;
    near = { in: [], out: [] };
    if (i < 0) {
      id('card').hidden = true;
      for (const r of document.querySelectorAll('#rows tr')) r.ariaSelected = 'false';
      return again();
    }
    for (let e = 0; e < g.edges.length; e += 2) {
      if (g.edges[e] === i) near.out.push(g.edges[e + 1]);
      else if (g.edges[e + 1] === i) near.in.push(g.edges[e]);
    }
    if (go) {
      const [x, y] = onto(g.xy[i * 2], g.xy[i * 2 + 1]);
      const inside = x > 40 && y > 40 && x < scene.width - 40 && y < scene.height - 40;
      if (!inside || go === 'near')
        fly({ x: g.xy[i * 2], y: g.xy[i * 2 + 1], scale: Math.max(view.scale, home.scale * (go === 'near' ? 4 : 1)) });
    }
    again();
    for (const r of document.querySelectorAll('#rows tr')) r.ariaSelected = String(+r.dataset.id === g.id[i]);
    try {
      const p = await (await ask(`/page/${g.id[i]}`)).json();
      if (chosen === i) card(p);
    } catch (e) {
      trouble(`The page could not be read: ${e.message}`);
    }
  }
  const way = s => (s === null ? 'unasked' : s === 0 ? 'silent' : s >= 400 ? 'error' : s >= 300 ? 'moved' : 'ok');
  const said = s => (s === null ? '–' : s === 0 ? 'no answer' : String(s));
  const path = url => {
    try {
      const u = new URL(url);
      return decodeURI(u.pathname + u.search);
    } catch {
      return url;
    }
  };
  function card(p) {
    const list = (title, rows, all) =>
      rows.length
        ? [
            make('h3', { textContent: `${title}: ${number(all)}` }),
            make(
              'ul',
              {},
              ...rows.map(([i, url, anchor, status, where]) => {
                const b = make(
                  'button',
                  { type: 'button', title: url },
                  path(url),
                  anchor ? ` “${anchor}”` : '',
                  where ? make('small', { textContent: ` ${where}` }) : '',
                );
                if (way(status) !== 'ok')
                  b.prepend(make('span', { className: `status is-${way(status)}`, textContent: `${said(status)} ` }));
                if (!index.has(i)) b.disabled = true;
                else b.onclick = () => choose(index.get(i), true);
                return make('li', {}, b);
              }),
            ),
            ...(all > rows.length ? [make('small', { textContent: `and ${number(all - rows.length)} more` })] : []),
          ]
        : [];
    const close = make('button', {
      type: 'button',
      className: 'quiet',
      textContent: '✕',
      ariaLabel: 'Close the page',
      onclick: () => {
        choose(-1);
        scene.focus();
      },
    });
    const link = make('a', {
      className: 'url',
      href: /^https?:/.test(p.url) ? p.url : '#',
      target: '_blank',
      rel: 'noreferrer noopener',
      textContent: p.url,
    });
    const facts = make('dl');
    for (const [k, v] of p.facts) {
      let text = v;
      if (k === 'Status') text = said(v);
      else if (k === 'Indexable' || k === 'Orphan') text = v ? 'yes' : 'no';
      else if (typeof v === 'number') text = number(Math.round(v * 100) / 100);
      facts.append(
        make('dt', { textContent: k }),
        make('dd', { className: k === 'Status' ? `status is-${way(p.status)}` : '', textContent: text }),
      );
    }
    const found = p.findings.length
      ? [
          make('h3', { textContent: `Findings: ${number(p.findings.length)}` }),
          make(
            'ul',
            {},
            ...p.findings.map(([kind, severity]) =>
              make('li', { className: severity === 'error' ? 'is-error' : '', textContent: kind.replaceAll('_', ' ') }),
            ),
          ),
        ]
      : [];
    id('card').replaceChildren(
      make('div', { className: 'head' }, make('h2', { textContent: p.title || path(p.url) }), close),
      link,
      facts,
      ...found,
      ...list('Links to it', p.in, p.more_in),
      ...list('It links to', p.out, p.more_out),
    );
    id('card').hidden = false;
    id('card').scrollTop = 0;
  }

  // ---- the table beside it

  let asked = { q: '', sort: 'score', desc: 1, at: 0, only: '', ids: null };
  let turn = 0;
  async function list(more = {}) {
    asked = { ...asked, at: 0, ...more };
    const mine = ++turn, filtered = !!(asked.q || asked.only || asked.ids);
    const p = new URLSearchParams({ q: asked.q, sort: asked.sort, desc: asked.desc, at: asked.at, only: asked.only, all: filtered ? 1 : 0 });
    try {
      const posted = {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'hx-request': 'true' },
        body: JSON.stringify({ ids: asked.ids }),
      };
      const r = await (asked.ids ? ask(`/list?${p}`, posted) : ask(`/table?${p}`));
      const d = await r.json();
      if (mine !== turn) return;
      lit = filtered ? new Set(d.ids.map(i => index.get(i)).filter(i => i !== undefined)) : null;
      paint();
      again();
      picture.found = filtered ? d.ids : null;
      id('heads').replaceChildren(
        ...d.columns.map(([c, words]) =>
          make(
            'th',
            { scope: 'col', ariaSort: c === asked.sort ? (asked.desc ? 'descending' : 'ascending') : null },
            make('button', {
              type: 'button',
              textContent: words,
              onclick: () => list({ sort: c, desc: c === asked.sort ? 1 - asked.desc : +!['url', 'title', 'depth'].includes(c) }),
            }),
          ),
        ),
      );
      id('rows').replaceChildren(
        ...d.rows.map(([i, ...values]) => {
          const r = make(
            'tr',
            { ariaSelected: String(index.get(i) === chosen) },
            ...values.map((v, k) => {
              const c = d.columns[k][0];
              let inside = v ?? '';
              if (c === 'url') inside = make('button', { type: 'button', textContent: path(v) });
              else if (c === 'status') inside = said(v);
              else if (typeof v === 'number') inside = number(Math.round(v * 10) / 10);
              const className = c === 'status' ? `status is-${way(v)}` : typeof v === 'number' ? 'n' : '';
              return make('td', { className, title: c === 'url' || c === 'title' ? (v ?? '') : '' }, inside);
            }),
          );
          r.dataset.id = i;
          r.onclick = () => index.has(i) && choose(index.get(i), 'near');
          return r;
        }),
      );
      id('what').textContent = `${asked.ids ? 'Lassoed: ' : ''}${number(d.total)} ${d.total === 1 ? 'page' : 'pages'}`;
      id('all').hidden = !filtered;
      id('of').textContent = d.total ? `${number(d.at + 1)}–${number(d.at + d.rows.length)} of ${number(d.total)}` : 'none';
      id('less').disabled = !d.at;
      id('more-rows').disabled = d.at + d.rows.length >= d.total;
      return d;
    } catch (e) {
      id('of').textContent = `The table could not be read: ${e.message}`;
    }
  }
  id('less').onclick = () => list({ at: Math.max(0, asked.at - 100) });
  id('more-rows').onclick = () => list({ at: asked.at + 100 });
  id('all').onclick = () => {
    mark(-1);
    id('q').value = '';
    lasso = null;
    list({ q: '', only: '', ids: null });
  };
  let typing;
  id('q').oninput = () => {
    clearTimeout(typing);
    typing = setTimeout(() => list({ q: id('q').value.trim() }), 180);
  };
  id('q').onkeydown = e => {
    if (e.key === 'Enter') {
      e.preventDefault();
      clearTimeout(typing);
      list({ q: id('q').value.trim() }).then(() => lit?.size && fly(fit(lit, 0.8, home.scale * 30)));
    }
  };
  id('csv').onclick = async () => {
    try {
      const r = await ask('/csv', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'hx-request': 'true' },
        body: JSON.stringify({ ids: picture.found ?? null }),
      });
      const a = make('a', { href: URL.createObjectURL(await r.blob()), download: 'pages.csv' });
      a.click();
      setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
    } catch (e) {
      id('of').textContent = `No CSV: ${e.message}`;
    }
  };

  function mark(i) {
    marked = i;
    id('marks')
      .querySelectorAll('button')
      .forEach((b, k) => (b.ariaPressed = String(k === i)));
    document.querySelectorAll('#legend button').forEach(b => (b.ariaPressed = 'false'));
    if (i < 0) return again();
    const m = head.marks[i];
    lasso = null;
    list({ only: `mark:${i + 1}`, ids: null, q: '' });
    id('q').value = '';
    fly({ x: m.x, y: m.y, scale: Math.min(home.scale * 20, (0.32 * Math.min(scene.width, scene.height)) / Math.max(m.radius, 1)) });
  }

  function legend() {
    const box = id('legend');
    const key = (tone, text, more = {}) => {
      const d = make('i');
      d.style.background = tone;
      return make(more.onclick ? 'button' : 'span', { type: 'button', ...more }, d, text);
    };
    const one = words =>
      words
        .replace(/^(are|were) /, m => (m === 'are ' ? 'is ' : 'was '))
        .replace(/^answer$/, 'answers')
        .replace(/^lead /, 'leads ')
        .replace(/^give /, 'gives ');
    const only = (k, e) => {
      const on = asked.only !== k;
      mark(-1);
      list({ only: on ? k : '' });
      e.currentTarget.ariaPressed = String(on);
    };
    const answers = head.counts.filter(([, , n]) => n);
    if (colouring.kind === 'how')
      box.replaceChildren(
        ...answers.map(([k, words, n]) =>
          key(`var(--g-${k})`, `${number(n)} ${n === 1 ? one(words) : words}`, { ariaPressed: 'false', onclick: e => only(k, e) }),
        ),
      );
    else if (colouring.kind === 'words') box.replaceChildren(...colouring.names.map((n, i) => key(hues()[i], n)));
    else {
      const r = make('i', { className: 'ramp' });
      r.style.background = `linear-gradient(to right in srgb,${[0, 0.34, 0.67, 1].map(t => rgba(ramp(t))).join(',')})`;
      const n = v => number(Math.round(v * 100) / 100);
      box.replaceChildren(make('span', {}, n(colouring.low), r, n(colouring.high)));
    }
  }
  id('colour').onchange = async e => {
    const name = e.target.value;
    if (name === 'how') colouring = { kind: 'how' };
    else
      try {
        const c = await (await ask(`/column/${name}`)).json();
        if (c.kind === 'number') {
          // by rank, so that one huge value does not make all others alike
          const have = [...new Set(c.values.filter(v => v !== null))].sort((a, b) => a - b);
          const rank = new Map(have.map((v, i) => [v, have.length > 1 ? i / (have.length - 1) : 0.5]));
          colouring = {
            kind: 'number',
            at: Float32Array.from(c.values, v => (v === null ? -1 : rank.get(v))),
            low: have[0] ?? 0,
            high: have.at(-1) ?? 0,
          };
        } else colouring = { kind: 'words', names: c.names, values: c.values };
      } catch (x) {
        return trouble(`The column could not be read: ${x.message}`);
      }
    paint();
    legend();
    again();
  };
  id('links').onchange = e => {
    links = e.target.value;
    light.view = null;
    share = links === 'none' ? 1 : share;
    if (links !== 'none') rest();
    again();
  };

  // ---- hands: mouse, fingers, keys

  let held = null, fingers = new Map(), drawing = false;
  const spot = e => {
    const r = scene.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  };
  const lassoing = on => {
    drawing = on;
    scene.classList.toggle('lasso', on);
    $('[data-does=lasso]').ariaPressed = String(on);
  };
  scene.onpointerdown = e => {
    if (!g) return;
    scene.setPointerCapture(e.pointerId);
    fingers.set(e.pointerId, spot(e));
    tip.hidden = true;
    flight++;
    if (drawing || e.shiftKey) {
      lasso = [back(...spot(e))];
      held = { lasso: true };
      return;
    }
    if (fingers.size === 1) {
      held = { at: spot(e), from: { ...view }, far: 0 };
      moving++;
      scene.classList.add('drag');
    }
  };
  scene.onpointermove = e => {
    if (!g) return;
    const p = spot(e);
    if (fingers.size === 2 && fingers.has(e.pointerId)) {
      const [a, b] = fingers.values(), before = Math.hypot(a[0] - b[0], a[1] - b[1]);
      const mid = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
      fingers.set(e.pointerId, p);
      const [c, d] = fingers.values();
      zoom(Math.hypot(c[0] - d[0], c[1] - d[1]) / Math.max(1, before), ...mid);
      if (held?.from) {
        held.from = { ...view };
        held.at = p;
        held.far = 99;
      }
      return;
    }
    if (held?.lasso) {
      lasso.push(back(...p));
      return again();
    }
    if (held) {
      const dx = p[0] - held.at[0], dy = p[1] - held.at[1];
      held.far = Math.max(held.far, Math.hypot(dx, dy));
      if (held.far > 3) look(held.from.x - (dx * dpr) / view.scale, held.from.y + (dy * dpr) / view.scale, view.scale);
      return;
    }
    const i = nearest(...back(...p), (12 * dpr) / view.scale);
    if (i !== hovered) {
      hovered = i;
      scene.classList.toggle('over', i >= 0);
      again();
    }
    tell(i, p);
  };
  let telling;
  function tell(i, p) {
    if (i < 0) {
      tip.hidden = true;
      telling = -1;
      return;
    }
    const at = () => {
      tip.style.left = `${Math.min(p[0] + 14, scene.clientWidth - tip.offsetWidth - 8)}px`;
      tip.style.top = `${p[1] + 18 + tip.offsetHeight > scene.clientHeight ? p[1] - tip.offsetHeight - 10 : p[1] + 18}px`;
    };
    if (telling === i) return at();
    telling = i;
    tip.replaceChildren(
      `${said(g.how[i] === 4 ? null : g.status[i])} · ${number(g.inlinks[i])} ${g.inlinks[i] === 1 ? 'page links' : 'pages link'} here`,
      make('small', { textContent: g.depth[i] < 0 ? 'no way by links' : `${number(g.depth[i])} clicks from the start` }),
    );
    tip.hidden = false;
    at();
    clearTimeout(tell.wait);
    tell.wait = setTimeout(async () => {
      try {
        const page = await (await ask(`/page/${g.id[i]}`)).json();
        if (telling === i) {
          tip.prepend(make('strong', { textContent: path(page.url) }), make('br'));
          at();
        }
      } catch {
        /* the numbers are there already */
      }
    }, 90);
  }
  scene.onpointerleave = () => {
    tip.hidden = true;
    hovered = telling = -1;
    again();
  };
  function up(e) {
    fingers.delete(e.pointerId);
    const was = held;
    if (!was || fingers.size) return;
    held = null;
    scene.classList.remove('drag');
    if (was.lasso) {
      lassoing(false);
      return caught();
    }
    moving = Math.max(0, moving - 1);
    if (was.far <= 3 && e.type === 'pointerup') choose(nearest(...back(...spot(e)), (14 * dpr) / view.scale));
    else rest();
  }
  scene.onpointerup = scene.onpointercancel = up;
  scene.onwheel = e => {
    if (!g) return;
    e.preventDefault();
    zoom(Math.exp(-Math.max(-80, Math.min(80, e.deltaY * (e.deltaMode ? 30 : 1))) * (e.ctrlKey ? 0.012 : 0.0035)), ...spot(e));
  };
  scene.addEventListener('wheel', () => {}, { passive: false });
  function caught() {
    if (lasso.length < 3) {
      lasso = null;
      return again();
    }
    const ids = [];
    for (let i = 0; i < g.n; i++) {
      const x = g.xy[i * 2], y = g.xy[i * 2 + 1];
      let inside = false;
      for (let a = 0, b = lasso.length - 1; a < lasso.length; b = a++) {
        const [ax, ay] = lasso[a], [bx, by] = lasso[b];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
      }
      if (inside) ids.push(g.id[i]);
    }
    mark(-1);
    list({ ids, only: '', q: '' });
    id('q').value = '';
  }
  const does = {
    in: () => zoom(1.5),
    out: () => zoom(1 / 1.5),
    fit: () => fly(home),
    lasso: () => {
      lassoing(!drawing);
      if (drawing) scene.focus();
    },
  };
  for (const b of document.querySelectorAll('[data-does]')) b.onclick = () => g && does[b.dataset.does]();
  scene.onkeydown = e => {
    if (!g || e.ctrlKey || e.metaKey || e.altKey) return;
    const step = (0.12 * Math.min(scene.width, scene.height)) / view.scale;
    const key = {
      ArrowLeft: () => look(view.x - step, view.y, view.scale),
      ArrowRight: () => look(view.x + step, view.y, view.scale),
      ArrowUp: () => look(view.x, view.y + step, view.scale),
      ArrowDown: () => look(view.x, view.y - step, view.scale),
      '+': does.in,
      '=': does.in,
      '-': does.out,
      0: does.fit,
      l: does.lasso,
      L: does.lasso,
      Enter: () => choose(nearest(view.x, view.y, Math.hypot(scene.width, scene.height) / view.scale), true),
      Escape: () => {
        if (drawing) lassoing(false);
        else if (chosen >= 0) choose(-1);
        else id('all').click();
      },
    }[e.key];
    if (key) {
      e.preventDefault();
      flight++;
      key();
      if (e.key.startsWith('Arrow')) restless();
    }
  };
  addEventListener('keydown', e => {
    if (e.key === '/' && !e.target.matches('input,select,textarea')) {
      e.preventDefault();
      id('q').focus();
    }
  });

  // ---- begin

  (async () => {
    if (!gl) {
      trouble('This browser draws no WebGL2. The table beside says the same.');
    }
    let buffer;
    try {
      buffer = await (await ask('/graph')).arrayBuffer();
    } catch (e) {
      return trouble(`There is no picture: ${e.message}`);
    }
    unpack(buffer);
    picture.stats.read = performance.now() - began;
    id('sum').textContent =
      `${number(head.pages)} pages, ${number(head.links)} links` +
      (head.wide ? `; ${number(head.wide)} of them to ${number(head.targets)} site-wide targets` : '');
    id('colour').append(
      ...Object.entries(head.columns)
        .filter(([c]) => !['url', 'title'].includes(c))
        .map(([c, words]) => make('option', { value: c, textContent: words })),
    );
    id('marks').replaceChildren(
      ...head.marks.map((m, i) =>
        make(
          'li',
          { className: m.kind },
          make(
            'button',
            { type: 'button', ariaPressed: 'false', onclick: () => mark(marked === i ? (id('all').click(), -1) : i) },
            make('b', { textContent: i + 1 }),
            m.text,
          ),
        ),
      ),
    );
    if (!head.marks.length)
      id('marks').append(make('li', { className: 'none', textContent: 'Nothing stands out in the way its pages hang together.' }));
    scene.setAttribute(
      'aria-label',
      `${scene.getAttribute('aria-label')}: ${head.pages} pages. ${head.marks.map((m, i) => `${i + 1}: ${m.text}.`).join(' ')}`,
    );
    const first = list();
    if (!gl) return first;
    if (!g.n) {
      g = null;
      return trouble('No page was crawled yet.');
    }
    const open = () => {
      setup();
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.order);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, g.order, gl.STATIC_DRAW);
      sized();
      themed();
      legend();
      rest();
    };
    open();
    home = fit(everyone());
    view = { ...home };
    themed();
    new ResizeObserver(() => {
      const was = view.scale === home.scale && view.x === home.x;
      sized();
      home = fit(everyone());
      if (was) view = { ...home };
      rest();
      again();
    }).observe(scene);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      themed();
      legend();
    });
    new MutationObserver(() => {
      themed();
      legend();
    }).observe(document.documentElement, { attributeFilter: ['data-theme'] });
    scene.addEventListener('webglcontextlost', e => e.preventDefault());
    scene.addEventListener('webglcontextrestored', open);
    Object.assign(picture, {
      look: v => {
        if (v) look(v.x, v.y, v.scale);
        return { ...view, home, chosen, lit: lit && lit.size, marked, done: picture.ready && share === 1 && !moving && !!light.view };
      },
      at: i => {
        const [x, y] = onto(g.xy[index.get(i) * 2], g.xy[index.get(i) * 2 + 1]);
        return [x / dpr, y / dpr];
      },
    });
  })();
}
