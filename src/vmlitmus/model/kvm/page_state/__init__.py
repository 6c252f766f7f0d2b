"""Private pages: conversion, fault, punch hole, populate, firmware."""
