/* report_style.c - the style sheet of a report's page: light and dark, the system's own fonts, nothing from elsewhere.
 *
 * Shades of "missing" are one ramp of orange, so that they can be told apart without seeing colours; in the dark the ramp
 * turns round, so that more always stands out more. Colours of faults name families; their classes are written beside
 * them.
 */
#include "test/sim/report_parts.h"

static const char light[] =
    ":root{color-scheme:light dark;--page:#f4f6f8;--card:#fff;--ink:#1a2027;--soft:#58636f;"
    "--line:#d5dbe2;--grid:#e9edf1;--roots:#1f5fc4;--good:#1a7f37;--bad:#b42318;"
    "--s0:#e4e9ee;--s1:#fbd9a5;--s2:#f7b064;--s3:#ea8230;--s4:#c2500f;--s5:#6f2606;--hill:#d9691a;"
    "--network:#2563c9;--process:#8250c4;--disk:#0b7f76;--peers:#b5307f;--members:#5c7a1e;"
    "--other:#69737d;--code:#eef1f4}\n";

static const char dark[] =
    "@media(prefers-color-scheme:dark){:root{--page:#0e1217;--card:#161c23;--ink:#e4e9ee;"
    "--soft:#9aa6b2;--line:#323c47;--grid:#222a33;--roots:#74a9ff;--good:#3fb950;--bad:#ff7b72;"
    "--s0:#27303a;--s1:#5c3b14;--s2:#925512;--s3:#cb761b;--s4:#f2a043;--s5:#ffdda8;--hill:#ef9234;"
    "--network:#6ea8ff;--process:#b794f6;--disk:#4fc7bb;--peers:#f07ab8;--members:#a9c75a;"
    "--other:#8b96a2;--code:#0e1217}}\n";

static const char page[] =
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"
    "\"Segoe UI\",Roboto,\"Noto Sans\",\"Liberation Sans\",sans-serif}\n"
    "main{max-width:1184px;margin:0 auto;padding:24px 16px 40px}\n"
    "h1{font-size:26px;line-height:1.25;margin:0;overflow-wrap:anywhere}\n"
    "h2{font-size:17px;margin:0 0 8px}\n"
    "p{margin:6px 0}\n"
    ".soft{color:var(--soft)}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px;"
    "margin:14px 0}\n"
    "header.card{display:flex;gap:20px;align-items:flex-start;border-left:8px solid var(--v)}\n"
    "header>div{min-width:0;flex:1}\n"
    ".verdict{flex:none;background:var(--v);color:#fff;border-radius:6px;padding:10px 18px;"
    "font-size:22px;font-weight:700;line-height:1.2;text-align:center}\n"
    ".verdict span{font-size:26px;margin-right:8px}\n"
    ".held{--v:#1a7f37}.violated{--v:#b42318}.diverged{--v:#a8560a}.crashed{--v:#7d2a6b}"
    ".unknown{--v:#56606b}\n"
    ".reason{font-weight:600;overflow-wrap:anywhere}\n"
    "pre{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:8px 12px;"
    "margin:10px 0 0;white-space:pre-wrap;overflow-wrap:anywhere;user-select:all;"
    "font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,\"Liberation Mono\",monospace}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;"
    "margin:14px 0}\n"
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:8px;"
    "padding:10px 14px;min-width:0}\n"
    ".tile.wide{grid-column:span 2}\n"
    ".tile b{display:block;font-size:22px;line-height:1.3}\n"
    ".tile i{display:block;font-style:normal;font-size:13px;color:var(--soft);"
    "overflow-wrap:anywhere}\n"
    ".two{display:grid;grid-template-columns:3fr 2fr;gap:14px;align-items:start}\n"
    ".two .card{margin:0;min-width:0;overflow-x:auto}\n"
    "@media(max-width:820px){.two{grid-template-columns:1fr}header{flex-direction:column}"
    ".tile.wide{grid-column:auto}}\n"
    "table{border-collapse:collapse;width:100%;font-size:14px}\n"
    "th{text-align:left;font-weight:600;color:var(--soft)}\n"
    "th,td{padding:5px 14px 5px 0;border-bottom:1px solid var(--grid);vertical-align:top;"
    "overflow-wrap:anywhere}\n"
    "th.n,td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    "td:first-child{white-space:nowrap}"
    "th:last-child,td:last-child{padding-right:0}\n"
    ".ok,.broken,.idle{white-space:nowrap;font-weight:600}\n"
    ".ok{color:var(--good)}.broken{color:var(--bad)}.idle{color:var(--soft)}\n"
    "summary{cursor:pointer;font-weight:600;font-size:17px}\n"
    "details[open] summary{margin-bottom:8px}\n"
    ".keys{font-size:13px;margin:0 0 4px;display:flex;flex-wrap:wrap;gap:4px 18px}\n"
    ".keys i{display:inline-block;width:18px;height:10px;margin-right:6px;border:1px solid "
    "var(--f);"
    "background:color-mix(in srgb,var(--f) 30%,transparent)}\n"
    "footer{color:var(--soft);font-size:13px;overflow-wrap:anywhere}\n";

static const char picture[] =
    "svg{display:block;width:100%;height:auto;overflow:visible}\n"
    "svg text{fill:var(--ink);font-size:12px}"
    "svg .label{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}"
    "svg .label.in{stroke:none}\n"
    "svg .head{font-size:14px;font-weight:600}svg tspan.soft{fill:var(--soft);font-weight:400;"
    "font-size:12px}\n"
    "svg .tick{fill:var(--soft)}svg .label{font-size:11px}svg .mid{text-anchor:middle}"
    "svg .end{text-anchor:end}\n"
    ".grid{stroke:var(--grid);fill:none}.axis{stroke:var(--line);fill:none}\n"
    ".roots{stroke:var(--roots);stroke-width:2;fill:none;stroke-linejoin:round}"
    ".rootsarea{fill:var(--roots);fill-opacity:.14}\n"
    ".load{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:5 4;fill:none}"
    ".equal{stroke:var(--good);stroke-width:2;fill:none;pointer-events:none}\n"
    ".s0{fill:var(--s0)}.s1{fill:var(--s1)}.s2{fill:var(--s2)}.s3{fill:var(--s3)}.s4{fill:var(--s4)"
    "}"
    ".s5{fill:var(--s5)}.hill{fill:var(--hill)}.strip{shape-rendering:crispEdges}\n"
    ".hit{fill:transparent}.hit:hover{fill:var(--ink);fill-opacity:.1}\n"
    ".slow{stroke:var(--ink);stroke-width:2;fill:none}.dot{fill:var(--ink)}"
    ".ring{fill:var(--card);stroke:var(--ink);stroke-width:2}\n"
    ".network{--f:var(--network)}.process{--f:var(--process)}.disk{--f:var(--disk)}"
    ".peers{--f:var(--peers)}.members{--f:var(--members)}.other{--f:var(--other)}\n"
    ".band,.mark{fill:var(--f);fill-opacity:.3;stroke:var(--f)}.mark{fill-opacity:1}\n"
    ".futile{fill:none;stroke-dasharray:3 2}\n"
    ".hatch{stroke:var(--soft);stroke-opacity:.55;fill:none}\n";

void report__style_write(FILE *file) {
    fputs(light, file);
    fputs(dark, file);
    fputs(page, file);
    fputs(picture, file);
}
