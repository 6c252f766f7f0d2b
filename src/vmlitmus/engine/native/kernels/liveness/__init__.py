"""The passes of a liveness search, in the kernel language.

They run after a complete search, in this order: ``waiting`` finds the states in which a run may
wait in vain, nearest first, and writes their steps; ``components`` finds strongly connected
components among them, and ``fairness`` decides as soon as one is complete whether it is fair, has
no fair part, or what has to be left out for the next round; ``ways`` finds ways inside the fair
component. ``engine.reference.liveness`` is the definition.

The context is the search's, with the fields of these modules behind it. Waiting states have numbers
in the order in which they are found, from 1 on, and arrays are indexed by these unless something
else is said; 0 stands for all states in which no run waits.
"""
