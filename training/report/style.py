"""The look of report.html. Two palettes, chosen by the reader's system."""

CSS = """
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#171b22;--muted:#5b6573;--line:#e0e4ea;
  --s1:#2563c9;--s2:#d9622b;--s3:#0f8a6d;--s4:#8a4fc7;--hit:37 99 201;--miss:217 98 43;
  --edge:#0f172a30;
  --shadow:0 1px 2px #0f172a14,0 6px 20px #0f172a0a}
@media(prefers-color-scheme:dark){:root{--paper:#0f1216;--card:#181c22;--ink:#e8ebf0;--muted:#98a2b1;
  --line:#2b313a;--s1:#6ea8ff;--s2:#ff9a62;--s3:#4fd1ae;--s4:#c79bff;--hit:88 148 245;--miss:240 130 75;
  --edge:#ffffff38;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
  -webkit-text-size-adjust:100%}
main{max-width:66rem;margin:0 auto;padding:2rem 1.25rem 4rem}
header p{margin:.15rem 0;color:var(--muted)}
h1{font-size:1.6rem;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:1.1rem;margin:0 0 .6rem}
section,.tile{background:var(--card);border:1px solid var(--line);border-radius:14px;box-shadow:var(--shadow)}
section{padding:1.1rem 1.25rem 1.25rem;margin-top:1.1rem;min-width:0}
section>p{margin:.2rem 0 .8rem;color:var(--muted)}
section>p b{color:var(--ink)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.8rem;margin-top:1.3rem}
.tile{padding:.8rem 1rem}
.tile b{display:block;font-size:1.55rem;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums;
  letter-spacing:-.02em}
.tile span{color:var(--muted);font-size:.82rem}
.tile.first{background:linear-gradient(135deg,rgb(var(--hit)/.16),rgb(var(--hit)/.04));
  border-color:rgb(var(--hit)/.35)}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.1rem}
main>.two{margin-top:1.1rem}
.two>section{margin-top:0}
.muted{color:var(--muted)}
.bad{color:var(--s2)}
figure{margin:0}
.chart{container-type:inline-size}
.chart svg{display:block;width:100%;height:auto;overflow:visible}
figcaption{font-size:.82rem;color:var(--muted)}
.key{display:inline-flex;align-items:center;margin-right:1.1rem}
.key::before{content:"";width:1.1rem;height:3px;border-radius:2px;margin-right:.45rem;background:var(--c)}
.s1{--c:var(--s1)}
.s2{--c:var(--s2)}
.s3{--c:var(--s3)}
.s4{--c:var(--s4)}
.grid{stroke:var(--line)}
.tick,.name{fill:var(--muted);font-size:12px}
/* A chart is drawn 640 wide and shown as wide as there is room: its letters shall stay readable. */
@container(max-width:34rem){.tick,.name,.read text{font-size:16px}}
@container(max-width:24rem){.tick,.name,.read text{font-size:20px}}
.line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.dot,.bar-value{fill:var(--c)}
.ring{fill:var(--card);stroke:var(--c);stroke-width:2.5}
.diagonal{fill:none;stroke:var(--muted);stroke-dasharray:4 4}
.read rect{fill:transparent}
.read line{stroke:var(--muted);stroke-dasharray:3 3}
.read text{fill:var(--muted);font-size:12px;paint-order:stroke;stroke:var(--card);stroke-width:4px}
.read .s1,.read .s2,.read .s3,.read .s4,.read .s5{fill:var(--c)}
.read line,.read text{visibility:hidden;pointer-events:none}
.read:hover line,.read:hover text{visibility:visible}
.wide{overflow-x:auto;-webkit-overflow-scrolling:touch;
  background:linear-gradient(90deg,var(--card) 30%,transparent) 0 0/2.5rem 100% no-repeat local,
  linear-gradient(270deg,var(--card) 30%,transparent) 100% 0/2.5rem 100% no-repeat local,
  linear-gradient(90deg,var(--edge),transparent) 0 0/.9rem 100% no-repeat scroll,
  linear-gradient(270deg,var(--edge),transparent) 100% 0/.9rem 100% no-repeat scroll}
.sideways{display:none;font-size:.82rem;color:var(--muted);margin:0 0 .3rem}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums;width:100%}
th{font-weight:500;color:var(--muted);text-align:left}
.wide thead th{vertical-align:bottom;line-height:1.3}
.wide th,.wide td{padding:.28rem 0 .28rem 1.1rem}
.wide th:first-child,.wide td:first-child{padding-left:0}
.wide tbody tr{border-top:1px solid var(--line)}
.wide tbody th{color:inherit;font-weight:400;white-space:nowrap}
.wide .n:not(:first-child){text-align:right}
.wide+p{margin-top:1.1rem}
.facts th{padding:.3rem 1rem .3rem 0;vertical-align:top;white-space:nowrap;width:1%}
.facts td{padding:.3rem 0;overflow-wrap:anywhere}
.facts tr+tr{border-top:1px solid var(--line)}
.wide .confusion{border-collapse:separate;border-spacing:2px;min-width:calc(var(--classes)*2.7rem + 7rem)}
.wide .confusion th,.wide .confusion td{padding:.15rem;min-width:0}
.confusion th[scope=col],.confusion td{text-align:center}
.confusion tbody th{color:var(--muted)}
.confusion th[scope=col]{font-size:.74rem;padding:.15rem;max-width:4rem;overflow-wrap:anywhere}
.wide .confusion th[scope=row]{white-space:nowrap;padding-right:.5rem}
/* 5 and more series are rare: GPUs of one machine. */
.s5{--c:var(--muted)}
.confusion .corner{font-size:.74rem;white-space:nowrap}
.confusion td{height:2.1rem;min-width:2.4rem;border-radius:5px}
.confusion .hit{background:rgb(var(--hit)/var(--a))}
.confusion .miss{background:rgb(var(--miss)/var(--a))}
.confusion .strong{color:#fff}
.confusion .none{color:var(--line)}
.confusion .share{color:var(--muted);white-space:nowrap}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(5.6rem,1fr));gap:.9rem .7rem}
.pictures img{display:block;width:100%;height:auto;image-rendering:pixelated;border-radius:8px;
  border:1px solid var(--line)}
.pictures figcaption{margin-top:.3rem;line-height:1.3}
.pictures b{color:var(--ink)}
.bar{display:flex;height:1.3rem;border-radius:7px;overflow:hidden;gap:2px;margin-bottom:.7rem}
.bar i{background:var(--c);min-width:2px}
.bar .o1,.key.o1{--c:var(--s1)}
.bar .o2,.key.o2{--c:var(--s2)}
.bar .o3,.key.o3{--c:var(--s3)}
.bar .o4,.key.o4{--c:var(--s4)}
.bar .o5,.key.o5{--c:var(--muted)}
.bar .o6,.key.o6{--c:var(--line)}
code{font:.86em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
footer{margin-top:1.6rem;color:var(--muted);font-size:.82rem}
@media(max-width:30rem){main{padding:1.1rem .8rem 3rem}
section{padding:.9rem .9rem 1rem}.tiles{grid-template-columns:1fr 1fr;gap:.6rem}.tile b{font-size:1.3rem}
  .sideways{display:block}.wide tbody th{white-space:normal;min-width:7.5rem}
  .confusion th[scope=row]{position:sticky;left:0;background:var(--card)}
  .upright{display:none}.facts th{white-space:normal;
  width:34%}}
@media print{section{break-inside:avoid;box-shadow:none}}
"""
