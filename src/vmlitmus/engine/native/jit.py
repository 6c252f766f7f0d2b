"""Compile LLVM IR to native functions in this process."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import llvmlite.binding as llvm

# what pays for kernels; all that LLVM has takes three to four times as long
_FOR_KERNELS = (
    *("sroa", "instruction_combine", "simplify_cfg", "always_inliner"),
    *("global_dead_code_eliminate", "instruction_combine", "simplify_cfg"),
)


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


@cache
def _host() -> tuple[str, str]:
    """Return the name and the features of the cpu here."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


class Native:
    """Native functions made from LLVM IR; each takes and returns 64-bit unsigned integers.

    ``effort`` is how hard LLVM optimises, 0 to 3.
    """

    def __init__(self, ir: str, effort: int) -> None:
        cpu, features = _host()
        machine = _target().create_target_machine(cpu=cpu, features=features, opt=effort)
        module = llvm.parse_assembly(ir)
        options = llvm.create_pipeline_tuning_options(speed_level=effort)
        options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False
        builder = llvm.create_pass_builder(machine, options)
        self._passes(module, builder, effort).run(module, builder)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()

    def _passes(self, module: Any, builder: Any, effort: int) -> Any:
        """Return LLVM's passes for a module."""
        return builder.getModulePassManager()

    def address(self, name: str) -> int:
        """Return the address of a function."""
        address: int = self._engine.get_function_address(name)
        return address

    def function(self, name: str, arguments: int) -> Any:
        """Return a function as a Python callable."""
        kind = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * arguments)
        function = kind(self.address(name))
        vars(function)["native"] = self  # keeps the code alive
        return function


def _shared(function: Any) -> bool:
    """Say whether a function stays by itself (see ``compile_kernel``)."""
    return any(b'"shared"' in attributes for attributes in function.attributes)


class Kernel(Native):
    """Native functions of kernels (see ``kernels.language``): what they call is put into them.

    What is shared (see ``compile_kernel``) is not.
    """

    def _passes(self, module: Any, builder: Any, effort: int) -> Any:
        if effort == 0:
            return super()._passes(module, builder, effort)
        for function in module.functions:
            if function.linkage == llvm.Linkage.internal and not _shared(function):
                function.add_function_attribute("alwaysinline")
        passes = llvm.create_new_module_pass_manager()
        for name in _FOR_KERNELS:
            getattr(passes, f"add_{name}_pass")()
        return passes
