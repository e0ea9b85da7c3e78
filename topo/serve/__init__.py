"""The web page and REST service of ``topo serve``; needs the extra ``serve``.

Jobs are kept in an SQLite table and a folder each (:mod:`topo.serve.store`), computed by threads
and worker processes (:mod:`topo.serve.queue`, :mod:`topo.serve.run`), and reached through
:mod:`topo.serve.api` and the page in ``topo/serve/page``.
"""
