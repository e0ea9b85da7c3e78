"""Snake diagram: the chain as one thread of beads that crosses the membrane.

:func:`topo.report.snake.layout.lay_out` computes the only layout; the report page and
:func:`topo.report.snake.figure.draw_snake` draw it.
"""
